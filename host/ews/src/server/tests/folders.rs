//! Folders, searches in them, and clients that synchronise.

use super::*;
use crate::{
    find_item::FindItem,
    property::PropertyPath,
    restriction::{Comparison, Restriction},
    shape::{Direction, FieldOrder, ItemShape, Page},
};

const SHAPE: &str = "<m:FolderShape><t:BaseShape>Default</t:BaseShape></m:FolderShape>";

fn subjects(found: &crate::find_item::FoundItems) -> Vec<&str> {
    found.items.iter().filter_map(|item| item.subject.as_deref()).collect()
}

#[test]
fn a_search_is_filtered_sorted_and_cut() {
    let mut world = World::new();
    for subject in ["b", "c", "a", "x"] {
        world.deposit(ANA, subject);
    }
    let subject = PropertyPath::field("item:Subject");
    let mut request = FindItem {
        shape: ItemShape::id_only().and(subject.clone()),
        page: Some(Page::first(2)),
        restriction: Some(Restriction::compare(Comparison::LessThan, subject.clone(), "X")),
        sort_order: vec![FieldOrder { path: subject, direction: Direction::Descending }],
        ..FindItem::all(FolderId::distinguished("inbox"))
    };
    let page = world.ask(ANA, &request).unwrap().remove(0).unwrap();
    assert_eq!((subjects(&page), page.total, page.includes_last), (vec!["c", "b"], Some(3), false));
    request.page = Some(Page { offset: page.next_offset.unwrap(), ..Page::first(2) });
    let page = world.ask(ANA, &request).unwrap().remove(0).unwrap();
    assert_eq!((subjects(&page), page.includes_last), (vec!["a"], true));
    world.exchange.config.search_items_max = 1;
    request.page = None;
    let page = world.ask(ANA, &request).unwrap().remove(0).unwrap();
    assert_eq!((subjects(&page), page.includes_last), (vec!["c"], false));
}

#[test]
fn keys_match_without_case_and_only_in_their_folder() {
    let mut world = World::new();
    let id = world.draft("k1", &[ANA]);
    world.send(&id).unwrap();
    world.draft("k1", &[ANA]);
    world.draft("K1", &[ANA]);
    let mut count = |folder: &str| {
        let request = delivery::find(&key("k1"), folder, None);
        let found = world.ask(BOT, &request).unwrap().remove(0).unwrap();
        (found.items.len(), delivery::hits(&found, &key("k1")).len())
    };
    assert_eq!((count("drafts"), count("sentitems"), count("inbox")), ((2, 1), (1, 1), (0, 0)));
}

#[test]
fn folders_show_their_counts_and_what_davmail_asks() {
    let mut world = World::new();
    world.deposit(ANA, "a");
    let shape = r#"<m:FolderShape><t:BaseShape>IdOnly</t:BaseShape><t:AdditionalProperties><t:FieldURI FieldURI="folder:DisplayName"/><t:FieldURI FieldURI="folder:EffectiveRights"/><t:ExtendedFieldURI PropertyTag="0x3613" PropertyType="String"/><t:ExtendedFieldURI PropertyTag="0x360A" PropertyType="Boolean"/><t:ExtendedFieldURI PropertyTag="0x6751" PropertyType="Integer"/></t:AdditionalProperties></m:FolderShape>"#;
    let get = format!(
        r#"<m:GetFolder>{shape}<m:FolderIds><t:DistinguishedFolderId Id="inbox"/><t:DistinguishedFolderId Id="calendar"/><t:DistinguishedFolderId Id="archiveroot"/></m:FolderIds></m:GetFolder>"#
    );
    let answers = world.raw(ANA, &get);
    let inbox = answers[0].at(&["Folders", "Folder"]).unwrap();
    assert_eq!(inbox.child_text("DisplayName").unwrap(), "Inbox");
    let values: Vec<_> = inbox
        .children_named("ExtendedProperty")
        .map(|property| {
            let uri = property.child("ExtendedFieldURI").unwrap();
            let tag = uri.attribute("PropertyTag").unwrap().to_owned();
            (tag, property.child_text("Value").unwrap())
        })
        .collect();
    let expected = [("0x3613", "IPF.Note"), ("0x360a", "false"), ("0x6751", "2")];
    assert_eq!(values, expected.map(|(tag, value)| (tag.to_owned(), value.to_owned())));
    assert!(answers[1].at(&["Folders", "CalendarFolder"]).is_some());
    assert_eq!(response_code(&answers[2]), "ErrorFolderNotFound");
}

#[test]
fn folders_are_found_by_their_class() {
    let mut world = World::new();
    let find = |traversal: &str, restriction: &str| {
        format!(
            r#"<m:FindFolder Traversal="{traversal}">{SHAPE}{restriction}<m:ParentFolderIds><t:DistinguishedFolderId Id="root"/></m:ParentFolderIds></m:FindFolder>"#
        )
    };
    let names = |answer: &Element| -> Vec<String> {
        let folders = answer.at(&["RootFolder", "Folders"]).unwrap();
        folders.children().filter_map(|folder| folder.child_text("DisplayName")).collect()
    };
    let shallow = world.raw(ANA, &find("Shallow", "")).remove(0);
    assert_eq!(names(&shallow), ["Top of Information Store", "Finder"]);
    let tasks = r#"<m:Restriction><t:IsEqualTo><t:ExtendedFieldURI PropertyTag="0x3613" PropertyType="String"/><t:FieldURIOrConstant><t:Constant Value="IPF.Task"/></t:FieldURIOrConstant></t:IsEqualTo></m:Restriction>"#;
    let deep = world.raw(ANA, &find("Deep", tasks)).remove(0);
    assert_eq!(names(&deep), ["Tasks"]);
}

#[test]
fn folders_are_made_renamed_emptied_and_deleted() {
    let mut world = World::new();
    let create = r#"<m:CreateFolder><m:ParentFolderId><t:DistinguishedFolderId Id="inbox"/></m:ParentFolderId><m:Folders><t:Folder><t:DisplayName>Sub</t:DisplayName></t:Folder></m:Folders></m:CreateFolder>"#;
    let answer = world.raw(ANA, create).remove(0);
    let id = answer.at(&["Folders", "Folder", "FolderId"]).unwrap();
    let id = format!(r#"<t:FolderId Id="{}"/>"#, id.attribute("Id").unwrap());
    assert_eq!(response_code(&world.raw(ANA, create).remove(0)), "ErrorFolderExists");
    let update = format!(
        r#"<m:UpdateFolder><m:FolderChanges><t:FolderChange>{id}<t:Updates><t:SetFolderField><t:FieldURI FieldURI="folder:DisplayName"/><t:Folder><t:DisplayName>New</t:DisplayName></t:Folder></t:SetFolderField></t:Updates></t:FolderChange></m:FolderChanges></m:UpdateFolder>"#
    );
    assert_eq!(response_code(&world.raw(ANA, &update).remove(0)), "NoError");
    world.deposit(ANA, "a");
    let empty = r#"<m:EmptyFolder DeleteType="HardDelete" DeleteSubFolders="false"><m:FolderIds><t:DistinguishedFolderId Id="inbox"/></m:FolderIds></m:EmptyFolder>"#;
    world.raw(ANA, empty);
    assert_eq!(world.exchange.inbox(ANA).count(), 0);
    let delete = |id: &str| {
        format!(
            r#"<m:DeleteFolder DeleteType="HardDelete"><m:FolderIds>{id}</m:FolderIds></m:DeleteFolder>"#
        )
    };
    assert_eq!(response_code(&world.raw(ANA, &delete(&id)).remove(0)), "NoError");
    assert_eq!(response_code(&world.raw(ANA, &delete(&id)).remove(0)), "ErrorFolderNotFound");
    let inbox = delete(r#"<t:DistinguishedFolderId Id="inbox"/>"#);
    let refused = world.raw(ANA, &inbox).remove(0);
    assert_eq!(response_code(&refused), "ErrorDeleteDistinguishedFolder");
}

/// Kinds of changes, the state to go on with, and whether that was all.
fn sync(world: &mut World, state: &str, max: usize) -> (Vec<String>, String, String) {
    let state = if state.is_empty() {
        String::new()
    } else {
        format!("<m:SyncState>{state}</m:SyncState>")
    };
    let request = format!(
        r#"<m:SyncFolderItems><m:ItemShape><t:BaseShape>IdOnly</t:BaseShape></m:ItemShape><m:SyncFolderId><t:DistinguishedFolderId Id="inbox"/></m:SyncFolderId>{state}<m:MaxChangesReturned>{max}</m:MaxChangesReturned></m:SyncFolderItems>"#
    );
    let answer = world.raw(ANA, &request).remove(0);
    let changes = answer.child("Changes").into_iter().flat_map(Element::children);
    let kinds = changes.map(|change| change.name.clone()).collect();
    let text = |name: &str| answer.child_text(name).unwrap_or_else(|| response_code(&answer));
    (kinds, text("SyncState"), text("IncludesLastItemInRange"))
}

#[test]
fn items_are_synchronised_step_by_step() {
    let mut world = World::new();
    for subject in ["a", "b", "c"] {
        world.deposit(ANA, subject);
    }
    let (kinds, state, all) = sync(&mut world, "", 2);
    assert_eq!(
        (kinds.as_slice(), all.as_str()),
        (&["Create".to_owned(), "Create".to_owned()][..], "false")
    );
    let (kinds, state, all) = sync(&mut world, &state, 2);
    assert_eq!((kinds.as_slice(), all.as_str()), (&["Create".to_owned()][..], "true"));
    assert_eq!(sync(&mut world, &state, 2).0.len(), 0);
    let id = world.deposit(ANA, "d");
    let (kinds, state, _) = sync(&mut world, &state, 9);
    assert_eq!(kinds, ["Create"]);
    world.ask(ANA, &delivery::discard(vec![id])).unwrap().remove(0).unwrap();
    assert_eq!(sync(&mut world, &state, 9).0, ["Delete"]);
    assert_eq!(sync(&mut world, "AAAA", 9).1, "ErrorInvalidSyncStateData");
}

#[test]
fn the_hierarchy_is_synchronised() {
    let mut world = World::new();
    let request =
        |state: &str| format!("<m:SyncFolderHierarchy>{SHAPE}{state}</m:SyncFolderHierarchy>");
    let answer = world.raw(ANA, &request("")).remove(0);
    assert_eq!(answer.child("Changes").unwrap().children().count(), 12);
    let state = answer.child("SyncState").unwrap().text();
    world.deposit(ANA, "a");
    let again = request(&format!("<m:SyncState>{state}</m:SyncState>"));
    let answer = world.raw(ANA, &again).remove(0);
    let changes: Vec<_> = answer.child("Changes").unwrap().children().collect();
    assert_eq!((changes.len(), changes[0].name.as_str()), (1, "Update"));
}

#[test]
fn ids_are_converted_and_tell_whose_they_are() {
    let mut world = World::new();
    let get = format!(
        r#"<m:GetFolder>{SHAPE}<m:FolderIds><t:DistinguishedFolderId Id="root"/></m:FolderIds></m:GetFolder>"#
    );
    let root = world.raw(ANA, &get).remove(0);
    let id =
        root.at(&["Folders", "Folder", "FolderId"]).unwrap().attribute("Id").unwrap().to_owned();
    let convert = |id: &str, from: &str, to: &str| {
        format!(
            r#"<m:ConvertId DestinationFormat="{to}"><m:SourceIds><t:AlternateId Format="{from}" Id="{id}" Mailbox="blah@blah.com"/></m:SourceIds></m:ConvertId>"#
        )
    };
    let answer = world.raw(ANA, &convert(&id, "EwsId", "HexEntryId")).remove(0);
    let converted = answer.child("AlternateId").unwrap();
    assert_eq!(converted.attribute("Mailbox"), Some(ANA));
    let hex = converted.attribute("Id").unwrap().to_owned();
    let answer = world.raw(ANA, &convert(&hex, "HexEntryId", "EwsId")).remove(0);
    assert_eq!(answer.child("AlternateId").unwrap().attribute("Id"), Some(id.as_str()));
    let dummy = world.raw(ANA, &convert("DUMMY", "EwsId", "EntryId")).remove(0);
    assert_eq!(response_code(&dummy), "ErrorInvalidIdMalformed");
}
