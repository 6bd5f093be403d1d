//! `GetFolder` and `FindFolder`.

use xml::{Element, Writer};

use crate::{
    code::ResponseCode,
    folder_id::FolderId,
    property::{ExtendedProperty, PropertyKey, PropertyPath},
    restriction::Restriction,
    shape::{BaseShape, Page},
    soap::Fault,
};

use super::{
    super::{
        answer::{Answers, Refusal, piece},
        call::Call,
        field::{self, Value},
        folder::{Folder, ROOT},
        id::{Id, encode_change},
        mailbox::Mailbox,
        restriction,
    },
    inputs, required,
};

/// Folders on one page.
const PAGE_FOLDERS_MAX: usize = 1_000;

/// `m:FolderShape`.
pub(super) struct FolderShape {
    base: BaseShape,
    paths: Vec<PropertyPath>,
}

/// A folder beside its mailbox, which knows what is below it.
#[derive(Clone, Copy)]
pub(super) struct FolderView<'m> {
    pub(super) mailbox: &'m Mailbox,
    pub(super) folder: &'m Folder,
    pub(super) instance: u64,
}

pub(super) fn get_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let shape = FolderShape::read(required(element, "FolderShape")?);
    let mut answers = Answers::new();
    for id in inputs(element, "FolderIds")? {
        answers.push(|| {
            call.begin_item()?;
            let id = FolderId::read(id).ok_or_else(Refusal::malformed_id)?;
            let (mailbox, number) = call.folder(&id)?;
            let view = view(call, mailbox, number)?;
            Ok(piece(|writer| {
                writer.element("m:Folders", &[], |folders| shape.write(view, folders));
            }))
        });
    }
    Ok(answers.finish_raw("GetFolder"))
}

pub(super) fn find_folder(call: &mut Call<'_>, element: &Element) -> Result<String, Fault> {
    let shape = FolderShape::read(required(element, "FolderShape")?);
    let condition = element.child("Restriction").map(Restriction::read_inside);
    let condition = condition.map(|read| read.ok_or_else(invalid_restriction)).transpose()?;
    let page = element.child("IndexedPageFolderView").map(Page::read);
    let deep = element.attribute("Traversal") == Some("Deep");
    let mut answers = Answers::new();
    for id in inputs(element, "ParentFolderIds")? {
        answers.push(|| {
            call.begin_item()?;
            let id = FolderId::read(id).ok_or_else(Refusal::malformed_id)?;
            let (mailbox, parent) = call.folder(&id)?;
            let store = call.open(mailbox).ok_or_else(Refusal::folder_not_found)?;
            let instance = call.exchange.config.instance;
            let found = children(store, parent, deep).into_iter().filter_map(|number| {
                let folder = store.folder(number)?;
                let view = FolderView { mailbox: store, folder, instance };
                let wanted = condition.as_ref().is_none_or(|condition| view.matches(condition));
                wanted.then_some(view)
            });
            Ok(write_page(&shape, &found.collect::<Vec<_>>(), page.as_ref()))
        });
    }
    Ok(answers.finish_raw("FindFolder"))
}

/// The folders below, without the folder itself.
fn children(store: &Mailbox, parent: u32, deep: bool) -> Vec<u32> {
    let all = store.below(parent).into_iter().filter(|number| *number != parent);
    let is_near = |number: &u32| store.folder(*number).is_some_and(|f| f.parent == parent);
    all.filter(|number| deep || is_near(number)).collect()
}

fn write_page(shape: &FolderShape, found: &[FolderView<'_>], page: Option<&Page>) -> String {
    let asked = page.and_then(|page| page.entries_max);
    let count = asked.and_then(|max| usize::try_from(max).ok()).unwrap_or(PAGE_FOLDERS_MAX);
    let from = page.map_or(0, |page| usize::try_from(page.offset).unwrap_or(usize::MAX));
    let from = from.min(found.len());
    let to = from.saturating_add(count.min(PAGE_FOLDERS_MAX)).min(found.len());
    let (next, total) = (to.to_string(), found.len().to_string());
    let attributes = [
        ("IndexedPagingOffset", next.as_str()),
        ("TotalItemsInView", &total),
        ("IncludesLastItemInRange", if to == found.len() { "true" } else { "false" }),
    ];
    piece(|writer| {
        writer.element("m:RootFolder", &attributes, |root| {
            root.element("t:Folders", &[], |folders| {
                for view in found.get(from..to).unwrap_or_default() {
                    shape.write(*view, folders);
                }
            });
        });
    })
}

/// The folder with its mailbox.
pub(super) fn view<'c>(
    call: &'c Call<'_>,
    mailbox: u32,
    number: u32,
) -> Result<FolderView<'c>, Refusal> {
    let mailbox = call.open(mailbox).ok_or_else(Refusal::folder_not_found)?;
    let folder = mailbox.folder(number).ok_or_else(Refusal::folder_not_found)?;
    Ok(FolderView { mailbox, folder, instance: call.exchange.config.instance })
}

impl FolderView<'_> {
    fn children(&self) -> usize {
        let number = self.folder.number;
        let is_child = |folder: &&Folder| folder.parent == number && folder.number != number;
        self.mailbox.folders().filter(is_child).count()
    }

    fn matches(&self, condition: &Restriction) -> bool {
        restriction::holds(condition, &|path| self.value(path))
    }

    fn value(&self, path: &PropertyPath) -> Option<Value> {
        let folder = self.folder;
        let number = |count: usize| i64::try_from(count).ok().map(Value::Number);
        match path {
            PropertyPath::Field(uri) => match uri.as_str() {
                "folder:DisplayName" => Some(Value::Text(folder.name.clone())),
                "folder:FolderClass" => Some(Value::Text(folder.class.clone())),
                "folder:TotalCount" => number(folder.items.len()),
                "folder:UnreadCount" => number(folder.unread),
                "folder:ChildFolderCount" => number(self.children()),
                _ => None,
            },
            PropertyPath::Indexed { .. } => None,
            PropertyPath::Extended(uri) => match uri.key() {
                PropertyKey::Tag(tag) => self.tagged(*tag),
                PropertyKey::Named(..) => None,
            },
        }
    }

    /// What MS-OXPROPS calls the same; DavMail asks so (ews.md 9.3).
    fn tagged(&self, tag: u16) -> Option<Value> {
        let folder = self.folder;
        let count = |count: usize| i64::try_from(count).ok().map(Value::Number);
        match tag {
            0x3001 => Some(Value::Text(folder.name.clone())),
            0x3602 => count(folder.items.len()),
            0x3603 => count(folder.unread),
            0x360a => Some(Value::Flag(self.children() > 0)),
            0x3613 if folder.class.is_empty() => None,
            0x3613 => Some(Value::Text(folder.class.clone())),
            0x10f3 => Some(Value::Text(folder.name.clone())),
            0x3008 | 0x670a => Some(Value::Time(folder.modified)),
            // The UID that comes next (PidTagInternetArticleNumberNext).
            0x6751 => Some(Value::Number(i64::from(folder.uid_next))),
            0x6752 => count(folder.items.len()),
            _ => None,
        }
    }

    fn id(&self, number: u32) -> String {
        Id::Folder { mailbox: self.mailbox.number, number }.encode(self.instance)
    }

    /// Writes id and change key as the element `name`.
    pub(super) fn write_id(&self, writer: &mut Writer, name: &str) {
        let change_key = encode_change(self.folder.change);
        let id = self.id(self.folder.number);
        writer.empty(name, &[("Id", &id), ("ChangeKey", &change_key)]);
    }
}

impl FolderShape {
    /// Reads `m:FolderShape`; unknown paths stay without effect.
    pub(super) fn read(element: &Element) -> Self {
        let base = element.child_text("BaseShape");
        let additional = element.child("AdditionalProperties").into_iter();
        Self {
            base: base.and_then(|text| BaseShape::from_wire(&text)).unwrap_or(BaseShape::IdOnly),
            paths: additional.flat_map(Element::children).filter_map(PropertyPath::read).collect(),
        }
    }

    fn has(&self, uri: &str) -> bool {
        let asked = |path: &PropertyPath| matches!(path, PropertyPath::Field(it) if it == uri);
        self.base != BaseShape::IdOnly || self.paths.iter().any(asked)
    }

    /// Writes the folder's element, in the schema's order.
    pub(super) fn write(&self, view: FolderView<'_>, writer: &mut Writer) {
        let folder = view.folder;
        let element = folder.element();
        writer.element(element, &[], |writer| {
            view.write_id(writer, "t:FolderId");
            if self.has("folder:ParentFolderId") && folder.number != ROOT {
                writer.empty("t:ParentFolderId", &[("Id", &view.id(folder.parent))]);
            }
            if self.has("folder:FolderClass") && !folder.class.is_empty() {
                writer.leaf("t:FolderClass", &folder.class);
            }
            if self.has("folder:DisplayName") {
                writer.leaf("t:DisplayName", &folder.name);
            }
            if self.has("folder:TotalCount") {
                writer.leaf("t:TotalCount", &folder.items.len().to_string());
            }
            if self.has("folder:ChildFolderCount") {
                writer.leaf("t:ChildFolderCount", &view.children().to_string());
            }
            self.write_extended(view, writer);
            if self.has("folder:EffectiveRights") {
                write_rights(writer);
            }
            if self.has("folder:DistinguishedFolderId")
                && let Some(name) = folder.distinguished()
            {
                writer.leaf("t:DistinguishedFolderId", name);
            }
            // Not part of the schema's calendar and contacts folders.
            if self.has("folder:UnreadCount") && matches!(element, "t:Folder" | "t:TasksFolder") {
                writer.leaf("t:UnreadCount", &folder.unread.to_string());
            }
        });
    }

    fn write_extended(&self, view: FolderView<'_>, writer: &mut Writer) {
        for path in &self.paths {
            if let PropertyPath::Extended(uri) = path
                && let Some(value) = view.value(path)
            {
                let value = field::property_value(value, uri.property_type());
                ExtendedProperty { uri: uri.clone(), value }.write(writer);
            }
        }
    }
}

fn write_rights(writer: &mut Writer) {
    writer.element("t:EffectiveRights", &[], |rights| {
        rights.leaf("t:CreateAssociated", "false");
        for right in ["t:CreateContents", "t:CreateHierarchy", "t:Delete", "t:Modify", "t:Read"] {
            rights.leaf(right, "true");
        }
    });
}

fn invalid_restriction() -> Fault {
    Fault::new(ResponseCode::INVALID_RESTRICTION, "The restriction is incomplete.")
}
