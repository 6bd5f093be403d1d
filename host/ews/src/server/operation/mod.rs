//! The operations, one file each or one for a family.

mod attachment;
mod convert_id;
mod create_item;
mod delete_item;
mod edit_folder;
mod find_folder;
mod find_item;
mod get_item;
mod mail_tips;
mod move_item;
mod resolve_names;
mod send_item;
mod sync;
mod update_item;

use xml::Element;

use crate::{
    code::ResponseCode,
    item_id::ItemId,
    operation::{Operation, Request},
    soap::Fault,
};

use super::{answer::Refusal, call::Call};

pub(super) use {
    create_item::create_item,
    delete_item::delete_item,
    find_item::find_item,
    get_item::get_item,
    mail_tips::{get_mail_tips, get_service_configuration},
    resolve_names::{expand_dl, resolve_names},
    send_item::send_item,
};

/// Items, ids or folders of one request.
pub(super) const INPUTS_MAX: usize = 1_000;

/// The operations that only the server knows.
///
/// # Errors
/// `ErrorInvalidRequest` for those it does not know either (ews.md 9.5), and for what misses its
/// inputs.
pub(super) fn other(call: &mut Call<'_>, name: &str, element: &Element) -> Result<String, Fault> {
    match name {
        "GetFolder" => find_folder::get_folder(call, element),
        "FindFolder" => find_folder::find_folder(call, element),
        "CreateFolder" => edit_folder::create_folder(call, element),
        "UpdateFolder" => edit_folder::update_folder(call, element),
        "DeleteFolder" => edit_folder::delete_folder(call, element),
        "EmptyFolder" => edit_folder::empty_folder(call, element),
        "ConvertId" => convert_id::convert_id(call, element),
        "UpdateItem" => update_item::update_item(call, element),
        "MoveItem" => move_item::move_item(call, element),
        "CopyItem" => move_item::copy_item(call, element),
        "CreateAttachment" => attachment::create_attachment(call, element),
        "GetAttachment" => attachment::get_attachment(call, element),
        "DeleteAttachment" => attachment::delete_attachment(call, element),
        "SyncFolderItems" => sync::sync_folder_items(call, element),
        "SyncFolderHierarchy" => sync::sync_folder_hierarchy(call, element),
        _ => Err(Refusal::invalid_request().into()),
    }
}

/// How much a request with a codec asks for; the others are counted where they are read.
pub(super) fn inputs_of(request: &Request) -> usize {
    match request {
        Request::CreateItem(request) => request.inputs(),
        Request::SendItem(request) => request.inputs(),
        Request::FindItem(request) => request.inputs(),
        Request::GetItem(request) => request.inputs(),
        Request::DeleteItem(request) => request.inputs(),
        Request::GetMailTips(request) => request.inputs(),
        Request::GetServiceConfiguration(request) => request.inputs(),
        Request::ResolveNames(_) | Request::ExpandDl(_) => 1,
        Request::Other { .. } => 0,
    }
}

/// The children of the child `name`: there is at least one, and not too many.
fn inputs<'e>(element: &'e Element, name: &str) -> Result<Vec<&'e Element>, Fault> {
    let inputs: Vec<_> = element.child(name).into_iter().flat_map(Element::children).collect();
    if inputs.is_empty() || inputs.len() > INPUTS_MAX {
        let text = format!("{name} is missing, empty or too long.");
        return Err(Fault::new(ResponseCode::SCHEMA_VALIDATION, &text));
    }
    Ok(inputs)
}

/// The child `name`, which the schema demands.
fn required<'e>(element: &'e Element, name: &str) -> Result<&'e Element, Fault> {
    let missing = || {
        let text = format!("{name} is missing.");
        Fault::new(ResponseCode::SCHEMA_VALIDATION, &text)
    };
    element.child(name).ok_or_else(missing)
}

/// Reads a `t:ItemId`.
fn item_id(element: &Element) -> Result<ItemId, Refusal> {
    ItemId::read(element).ok_or_else(Refusal::malformed_id)
}
