//! The part of the schema that requests of the operations here use, as Microsoft publishes it
//! (`messages.xsd`, `types.xsd`).

use super::{
    namespace::{MESSAGES, TYPES},
    schema::{Attribute, Content, Part, Simple, Type},
};
use crate::{
    create_item::MessageDisposition,
    delete_item::DeleteType,
    find_item::Traversal,
    get_mail_tips::MailTip,
    get_service_configuration::ConfigurationName,
    item::{BodyType, Importance, Sensitivity},
    mailbox::MailboxType,
    property::PropertyType,
    resolve_names::SearchScope,
    restriction::{ContainmentComparison, ContainmentMode},
    shape::{BasePoint, BaseShape, Direction, WantedBody},
};

type Members = &'static [(&'static str, &'static Type)];

const fn messages(members: Members, required: bool, many: bool) -> Part {
    Part { namespace: MESSAGES, members, required, many }
}

const fn types(members: Members, required: bool, many: bool) -> Part {
    Part { namespace: TYPES, members, required, many }
}

/// At most one.
const fn optional(members: Members) -> Part {
    types(members, false, false)
}

const fn text(form: Simple) -> Type {
    Type { attributes: &[], content: Content::Text(form) }
}

const fn sequence(parts: &'static [Part]) -> Type {
    Type { attributes: &[], content: Content::Sequence(parts) }
}

const fn needed(name: &'static str, value: Simple) -> Attribute {
    Attribute { name, value, required: true }
}

const fn allowed(name: &'static str, value: Simple) -> Attribute {
    Attribute { name, value, required: false }
}

/// Makes a check out of an enumeration.
macro_rules! one_of {
    ($name:ident) => {
        Simple::OneOf(|text| $name::from_wire(text).is_some())
    };
}

static ANY: Type = Type { attributes: &[], content: Content::Any };
static TEXT: Type = text(Simple::Text);
static NON_EMPTY: Type = text(Simple::NonEmpty);
static BOOLEAN: Type = text(Simple::Boolean);
static INTEGER: Type = text(Simple::Integer);
static DATE_TIME: Type = text(Simple::DateTime);
static BASE64: Type = text(Simple::Base64);

/// The operations with rules. `t:Message` and its parts are [`ITEM`] and [`MESSAGE`].
pub(crate) static OPERATIONS: &[(&str, &Type)] = &[
    ("CreateItem", &CREATE_ITEM),
    ("SendItem", &SEND_ITEM),
    ("FindItem", &FIND_ITEM),
    ("GetItem", &GET_ITEM),
    ("DeleteItem", &DELETE_ITEM),
    ("ResolveNames", &RESOLVE_NAMES),
    ("ExpandDL", &EXPAND_DL),
    ("GetMailTips", &GET_MAIL_TIPS),
    ("GetServiceConfiguration", &GET_SERVICE_CONFIGURATION),
];

static CREATE_ITEM: Type = Type {
    attributes: &[allowed("MessageDisposition", one_of!(MessageDisposition))],
    content: Content::Sequence(&[
        messages(&[("SavedItemFolderId", &TARGET_FOLDER)], false, false),
        messages(&[("Items", &NEW_ITEMS)], true, false),
    ]),
};

static SEND_ITEM: Type = Type {
    attributes: &[needed("SaveItemToFolder", Simple::Boolean)],
    content: Content::Sequence(&[
        messages(&[("ItemIds", &ITEM_IDS)], true, false),
        messages(&[("SavedItemFolderId", &TARGET_FOLDER)], false, false),
    ]),
};

static FIND_ITEM: Type = Type {
    attributes: &[needed("Traversal", one_of!(Traversal))],
    content: Content::Sequence(&[
        messages(&[("ItemShape", &ITEM_SHAPE)], true, false),
        messages(
            &[
                ("IndexedPageItemView", &INDEXED_PAGE),
                ("FractionalPageItemView", &ANY),
                ("SeekToConditionPageItemView", &ANY),
                ("CalendarView", &ANY),
                ("ContactsView", &ANY),
            ],
            false,
            false,
        ),
        messages(&[("GroupBy", &ANY), ("DistinguishedGroupBy", &ANY)], false, false),
        messages(&[("Restriction", &RESTRICTION)], false, false),
        messages(&[("SortOrder", &SORT_ORDER)], false, false),
        messages(&[("ParentFolderIds", &FOLDER_IDS)], true, false),
        messages(&[("QueryString", &TEXT)], false, false),
    ]),
};

static GET_ITEM: Type = sequence(&[
    messages(&[("ItemShape", &ITEM_SHAPE)], true, false),
    messages(&[("ItemIds", &ITEM_IDS)], true, false),
]);

static DELETE_ITEM: Type = Type {
    attributes: &[needed("DeleteType", one_of!(DeleteType))],
    content: Content::Sequence(&[messages(&[("ItemIds", &ITEM_IDS)], true, false)]),
};

static RESOLVE_NAMES: Type = Type {
    attributes: &[
        needed("ReturnFullContactData", Simple::Boolean),
        allowed("SearchScope", one_of!(SearchScope)),
        allowed("ContactDataShape", one_of!(BaseShape)),
    ],
    content: Content::Sequence(&[
        messages(&[("ParentFolderIds", &FOLDER_IDS)], false, false),
        messages(&[("UnresolvedEntry", &NON_EMPTY)], true, false),
    ]),
};

static EXPAND_DL: Type = sequence(&[messages(&[("Mailbox", &MAILBOX)], true, false)]);

static GET_MAIL_TIPS: Type = sequence(&[
    messages(&[("SendingAs", &MAILBOX)], true, false),
    messages(&[("Recipients", &RECIPIENTS)], true, false),
    messages(&[("MailTipsRequested", &MAIL_TIP_TYPES)], true, false),
]);

static GET_SERVICE_CONFIGURATION: Type = sequence(&[
    messages(&[("ActingAs", &MAILBOX)], false, false),
    messages(&[("RequestedConfiguration", &CONFIGURATIONS)], true, false),
    messages(&[("ConfigurationRequestDetails", &ANY)], false, false),
]);

static CONFIGURATIONS: Type =
    sequence(&[messages(&[("ConfigurationName", &CONFIGURATION_NAME)], true, true)]);
static CONFIGURATION_NAME: Type = text(one_of!(ConfigurationName));
static MAIL_TIP_TYPES: Type = text(Simple::ListOf(|text| MailTip::from_wire(text).is_some()));

// Folders and ids.

static TARGET_FOLDER: Type = sequence(&[types(
    &[("FolderId", &ID), ("DistinguishedFolderId", &DISTINGUISHED_FOLDER), ("AddressListId", &ANY)],
    true,
    false,
)]);
static FOLDER_IDS: Type = sequence(&[types(
    &[("FolderId", &ID), ("DistinguishedFolderId", &DISTINGUISHED_FOLDER)],
    true,
    true,
)]);
static ITEM_IDS: Type = sequence(&[types(
    &[
        ("ItemId", &ID),
        ("OccurrenceItemId", &ANY),
        ("RecurringMasterItemId", &ANY),
        ("RecurringMasterItemIdRanges", &ANY),
    ],
    true,
    true,
)]);
static ID: Type = Type {
    attributes: &[needed("Id", Simple::Text), allowed("ChangeKey", Simple::Text)],
    content: Content::Sequence(&[]),
};
static DISTINGUISHED_FOLDER: Type = Type {
    attributes: &[needed("Id", Simple::OneOf(is_distinguished))],
    content: Content::Sequence(&[optional(&[("Mailbox", &MAILBOX)])]),
};

/// The folders every mailbox has a name for; lower case alone is right.
const DISTINGUISHED_FOLDERS: &str = "
    calendar contacts deleteditems drafts inbox journal notes outbox sentitems tasks msgfolderroot
    publicfoldersroot root junkemail searchfolders voicemail recoverableitemsroot
    recoverableitemsdeletions recoverableitemsversions recoverableitemspurges
    recoverableitemsdiscoveryholds archiveroot archivemsgfolderroot archivedeleteditems archiveinbox
    archiverecoverableitemsroot archiverecoverableitemsdeletions archiverecoverableitemsversions
    archiverecoverableitemspurges archiverecoverableitemsdiscoveryholds syncissues conflicts
    localfailures serverfailures recipientcache quickcontacts conversationhistory adminauditlogs
    todosearch mycontacts directory imcontactlist peopleconnect favorites mecontact personmetadata
    teamspaceactivity teamspacemessaging teamspaceworkitems scheduled orionnotes tagitems
    alltaggeditems allcategorizeditems externalcontacts teamchat teamchathistory yammerdata
    yammerroot yammerinbound yammeroutbound yammerfeeds kaizaladata messageingestion onedriveroot
    onedriverecylebin onedrivesystem onedrivevolume important starred archive";

/// Whether the schema knows this distinguished folder.
fn is_distinguished(name: &str) -> bool {
    DISTINGUISHED_FOLDERS.split_ascii_whitespace().any(|known| known == name)
}

// People.

static MAILBOX: Type = sequence(&[
    optional(&[("Name", &TEXT)]),
    optional(&[("EmailAddress", &NON_EMPTY)]),
    optional(&[("RoutingType", &NON_EMPTY)]),
    optional(&[("MailboxType", &MAILBOX_TYPE)]),
    optional(&[("ItemId", &ID)]),
    optional(&[("OriginalDisplayName", &TEXT)]),
]);
static MAILBOX_TYPE: Type = text(one_of!(MailboxType));
static RECIPIENTS: Type = sequence(&[types(&[("Mailbox", &MAILBOX)], false, true)]);
static RECIPIENT: Type = sequence(&[types(&[("Mailbox", &MAILBOX)], true, false)]);

// Shapes, views and restrictions.

static ITEM_SHAPE: Type = sequence(&[
    types(&[("BaseShape", &BASE_SHAPE)], true, false),
    optional(&[("IncludeMimeContent", &BOOLEAN)]),
    optional(&[("BodyType", &WANTED_BODY)]),
    optional(&[("UniqueBodyType", &WANTED_BODY)]),
    optional(&[("NormalizedBodyType", &WANTED_BODY)]),
    optional(&[("FilterHtmlContent", &BOOLEAN)]),
    optional(&[("ConvertHtmlCodePageToUTF8", &BOOLEAN)]),
    optional(&[("InlineImageUrlTemplate", &TEXT)]),
    optional(&[("BlockExternalImages", &BOOLEAN)]),
    optional(&[("AddBlankTargetToLinks", &BOOLEAN)]),
    optional(&[("MaximumBodySize", &INTEGER)]),
    optional(&[("AdditionalProperties", &PATHS)]),
]);
static BASE_SHAPE: Type = text(one_of!(BaseShape));
static WANTED_BODY: Type = text(one_of!(WantedBody));
const PATH: Members = &[
    ("FieldURI", &FIELD_URI),
    ("IndexedFieldURI", &INDEXED_FIELD_URI),
    ("ExtendedFieldURI", &EXTENDED_FIELD_URI),
];
static PATHS: Type = sequence(&[types(PATH, true, true)]);
static FIELD_URI: Type =
    Type { attributes: &[needed("FieldURI", Simple::NonEmpty)], content: Content::Sequence(&[]) };
static INDEXED_FIELD_URI: Type = Type {
    attributes: &[needed("FieldURI", Simple::NonEmpty), needed("FieldIndex", Simple::Text)],
    content: Content::Sequence(&[]),
};
static EXTENDED_FIELD_URI: Type = Type {
    attributes: &[needed("PropertyType", one_of!(PropertyType))],
    content: Content::Sequence(&[]),
};

static INDEXED_PAGE: Type = Type {
    attributes: &[
        allowed("MaxEntriesReturned", Simple::Integer),
        needed("Offset", Simple::Integer),
        needed("BasePoint", one_of!(BasePoint)),
    ],
    content: Content::Sequence(&[]),
};

static SORT_ORDER: Type = sequence(&[types(&[("FieldOrder", &FIELD_ORDER)], true, true)]);
static FIELD_ORDER: Type = Type {
    attributes: &[needed("Order", one_of!(Direction))],
    content: Content::Sequence(&[types(PATH, true, false)]),
};

static RESTRICTION: Type = sequence(&[types(&EXPRESSION, true, false)]);
/// A static and no constant, since expressions stand inside expressions.
static EXPRESSION: [(&str, &Type); 12] = [
    ("And", &MANY_EXPRESSIONS),
    ("Or", &MANY_EXPRESSIONS),
    ("Not", &RESTRICTION),
    ("IsEqualTo", &COMPARISON),
    ("IsNotEqualTo", &COMPARISON),
    ("IsGreaterThan", &COMPARISON),
    ("IsGreaterThanOrEqualTo", &COMPARISON),
    ("IsLessThan", &COMPARISON),
    ("IsLessThanOrEqualTo", &COMPARISON),
    ("Contains", &CONTAINS),
    ("Exists", &EXISTS),
    ("Excludes", &EXCLUDES),
];
static MANY_EXPRESSIONS: Type = sequence(&[types(&EXPRESSION, true, true)]);
static COMPARISON: Type = sequence(&[
    types(PATH, true, false),
    types(&[("FieldURIOrConstant", &PATH_OR_CONSTANT)], true, false),
]);
static PATH_OR_CONSTANT: Type = sequence(&[types(
    &[
        ("FieldURI", &FIELD_URI),
        ("IndexedFieldURI", &INDEXED_FIELD_URI),
        ("ExtendedFieldURI", &EXTENDED_FIELD_URI),
        ("Constant", &CONSTANT),
    ],
    true,
    false,
)]);
static CONSTANT: Type =
    Type { attributes: &[needed("Value", Simple::Text)], content: Content::Sequence(&[]) };
static CONTAINS: Type = Type {
    attributes: &[
        allowed("ContainmentMode", one_of!(ContainmentMode)),
        allowed("ContainmentComparison", one_of!(ContainmentComparison)),
    ],
    content: Content::Sequence(&[
        types(PATH, true, false),
        types(&[("Constant", &CONSTANT)], true, false),
    ]),
};
static EXISTS: Type = sequence(&[types(PATH, true, false)]);
static EXCLUDES: Type =
    sequence(&[types(PATH, true, false), types(&[("Bitmask", &CONSTANT)], true, false)]);

// Items.

/// The kinds of items other than mail are let through here and refused by the operation.
static NEW_ITEMS: Type = sequence(&[types(
    &[
        ("Message", &MESSAGE),
        ("Item", &ITEM),
        ("SharingMessage", &ANY),
        ("CalendarItem", &ANY),
        ("Contact", &ANY),
        ("DistributionList", &ANY),
        ("MeetingMessage", &ANY),
        ("MeetingRequest", &ANY),
        ("MeetingResponse", &ANY),
        ("MeetingCancellation", &ANY),
        ("Task", &ANY),
        ("PostItem", &ANY),
        ("ReplyToItem", &ANY),
        ("ForwardItem", &ANY),
        ("ReplyAllToItem", &ANY),
        ("AcceptItem", &ANY),
        ("TentativelyAcceptItem", &ANY),
        ("DeclineItem", &ANY),
        ("CancelCalendarItem", &ANY),
        ("RemoveItem", &ANY),
        ("SuppressReadReceipt", &ANY),
        ("PostReplyItem", &ANY),
        ("AcceptSharingInvitation", &ANY),
    ],
    true,
    true,
)]);

/// `t:Item` and `t:Message` share the first elements; a macro, since arrays cannot be joined.
macro_rules! item_then {
    ($($part:expr,)*) => {
        sequence(&[
            optional(&[("MimeContent", &TEXT)]),
            optional(&[("ItemId", &ID)]),
            optional(&[("ParentFolderId", &ID)]),
            optional(&[("ItemClass", &TEXT)]),
            optional(&[("Subject", &TEXT)]),
            optional(&[("Sensitivity", &SENSITIVITY)]),
            optional(&[("Body", &BODY)]),
            optional(&[("Attachments", &ATTACHMENTS)]),
            optional(&[("DateTimeReceived", &DATE_TIME)]),
            optional(&[("Size", &INTEGER)]),
            optional(&[("Categories", &STRINGS)]),
            optional(&[("Importance", &IMPORTANCE)]),
            optional(&[("InReplyTo", &TEXT)]),
            optional(&[("IsSubmitted", &BOOLEAN)]),
            optional(&[("IsDraft", &BOOLEAN)]),
            optional(&[("IsFromMe", &BOOLEAN)]),
            optional(&[("IsResend", &BOOLEAN)]),
            optional(&[("IsUnmodified", &BOOLEAN)]),
            optional(&[("InternetMessageHeaders", &ANY)]),
            optional(&[("DateTimeSent", &DATE_TIME)]),
            optional(&[("DateTimeCreated", &DATE_TIME)]),
            optional(&[("ResponseObjects", &ANY)]),
            optional(&[("ReminderDueBy", &DATE_TIME)]),
            optional(&[("ReminderIsSet", &BOOLEAN)]),
            optional(&[("ReminderNextTime", &DATE_TIME)]),
            optional(&[("ReminderMinutesBeforeStart", &INTEGER)]),
            optional(&[("DisplayCc", &TEXT)]),
            optional(&[("DisplayTo", &TEXT)]),
            optional(&[("DisplayBcc", &TEXT)]),
            optional(&[("HasAttachments", &BOOLEAN)]),
            types(&[("ExtendedProperty", &EXTENDED_PROPERTY)], false, true),
            optional(&[("Culture", &TEXT)]),
            optional(&[("EffectiveRights", &ANY)]),
            optional(&[("LastModifiedName", &TEXT)]),
            optional(&[("LastModifiedTime", &DATE_TIME)]),
            optional(&[("IsAssociated", &BOOLEAN)]),
            optional(&[("WebClientReadFormQueryString", &TEXT)]),
            optional(&[("WebClientEditFormQueryString", &TEXT)]),
            optional(&[("ConversationId", &ID)]),
            optional(&[("UniqueBody", &BODY)]),
            optional(&[("Flag", &ANY)]),
            optional(&[("StoreEntryId", &BASE64)]),
            optional(&[("InstanceKey", &BASE64)]),
            optional(&[("NormalizedBody", &BODY)]),
            optional(&[("EntityExtractionResult", &ANY)]),
            optional(&[("PolicyTag", &ANY)]),
            optional(&[("ArchiveTag", &ANY)]),
            optional(&[("RetentionDate", &DATE_TIME)]),
            optional(&[("Preview", &TEXT)]),
            optional(&[("RightsManagementLicenseData", &ANY)]),
            optional(&[("PredictedActionReasons", &ANY)]),
            optional(&[("IsClutter", &BOOLEAN)]),
            optional(&[("BlockStatus", &BOOLEAN)]),
            optional(&[("HasBlockedImages", &BOOLEAN)]),
            optional(&[("TextBody", &BODY)]),
            optional(&[("IconIndex", &ANY)]),
            optional(&[("SearchKey", &BASE64)]),
            optional(&[("SortKey", &TEXT)]),
            optional(&[("Hashtags", &ANY)]),
            optional(&[("Mentions", &ANY)]),
            optional(&[("MentionedMe", &BOOLEAN)]),
            optional(&[("MentionsPreview", &ANY)]),
            optional(&[("MentionsEx", &ANY)]),
            optional(&[("AppliedHashtags", &ANY)]),
            optional(&[("AppliedHashtagsPreview", &ANY)]),
            optional(&[("Likes", &ANY)]),
            optional(&[("LikesPreview", &ANY)]),
            optional(&[("PendingSocialActivityTagIds", &ANY)]),
            optional(&[("AtAllMention", &BOOLEAN)]),
            optional(&[("CanDelete", &BOOLEAN)]),
            optional(&[("InferenceClassification", &ANY)]),
            $($part,)*
        ])
    };
}

static ITEM: Type = item_then!();

static MESSAGE: Type = item_then!(
    optional(&[("Sender", &RECIPIENT)]),
    optional(&[("ToRecipients", &RECIPIENTS)]),
    optional(&[("CcRecipients", &RECIPIENTS)]),
    optional(&[("BccRecipients", &RECIPIENTS)]),
    optional(&[("IsReadReceiptRequested", &BOOLEAN)]),
    optional(&[("IsDeliveryReceiptRequested", &BOOLEAN)]),
    optional(&[("ConversationIndex", &BASE64)]),
    optional(&[("ConversationTopic", &TEXT)]),
    optional(&[("From", &RECIPIENT)]),
    optional(&[("InternetMessageId", &TEXT)]),
    optional(&[("IsRead", &BOOLEAN)]),
    optional(&[("IsResponseRequested", &BOOLEAN)]),
    optional(&[("References", &TEXT)]),
    optional(&[("ReplyTo", &RECIPIENTS)]),
    optional(&[("ReceivedBy", &RECIPIENT)]),
    optional(&[("ReceivedRepresenting", &RECIPIENT)]),
    optional(&[("ApprovalRequestData", &ANY)]),
    optional(&[("VotingInformation", &ANY)]),
    optional(&[("ReminderMessageData", &ANY)]),
    optional(&[("MessageSafety", &ANY)]),
    optional(&[("SenderSMTPAddress", &TEXT)]),
    optional(&[("MailboxGuids", &ANY)]),
    optional(&[("PublishedCalendarItemIcs", &TEXT)]),
    optional(&[("PublishedCalendarItemName", &TEXT)]),
);

static SENSITIVITY: Type = text(one_of!(Sensitivity));
static IMPORTANCE: Type = text(one_of!(Importance));
static BODY: Type = Type {
    attributes: &[needed("BodyType", one_of!(BodyType)), allowed("IsTruncated", Simple::Boolean)],
    content: Content::Text(Simple::Text),
};
static STRINGS: Type = sequence(&[types(&[("String", &TEXT)], false, true)]);
static EXTENDED_PROPERTY: Type = sequence(&[
    types(&[("ExtendedFieldURI", &EXTENDED_FIELD_URI)], true, false),
    types(&[("Value", &TEXT), ("Values", &VALUES)], true, false),
]);
static VALUES: Type = sequence(&[types(&[("Value", &TEXT)], true, true)]);
static ATTACHMENTS: Type = sequence(&[types(
    &[
        ("FileAttachment", &FILE_ATTACHMENT),
        ("ItemAttachment", &ANY),
        ("ReferenceAttachment", &ANY),
    ],
    true,
    true,
)]);
static FILE_ATTACHMENT: Type = sequence(&[
    optional(&[("AttachmentId", &ANY)]),
    optional(&[("Name", &TEXT)]),
    optional(&[("ContentType", &TEXT)]),
    optional(&[("ContentId", &TEXT)]),
    optional(&[("ContentLocation", &TEXT)]),
    optional(&[("AttachmentOriginalUrl", &TEXT)]),
    optional(&[("Size", &INTEGER)]),
    optional(&[("LastModifiedTime", &DATE_TIME)]),
    optional(&[("IsInline", &BOOLEAN)]),
    optional(&[("IsContactPhoto", &BOOLEAN)]),
    optional(&[("Content", &BASE64)]),
]);

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests stop at the first surprise")]
    use xml::{Element, Limits};

    use super::*;
    use crate::test::schema_folder;

    /// The names of a complex type in `file`, in order.
    fn published(file: &str, name: &str) -> Vec<String> {
        let text = std::fs::read(schema_folder().unwrap().join(file)).unwrap();
        let schema = xml::parse(&text, &Limits::default()).unwrap();
        let complex = schema
            .children()
            .find(|child| child.name == "complexType" && child.attribute("name") == Some(name));
        let mut names = Vec::new();
        collect(complex.unwrap(), &mut names);
        names
    }

    fn collect(element: &Element, into: &mut Vec<String>) {
        for child in element.children() {
            let name = child.attribute("name").or_else(|| child.attribute("ref"));
            match (child.name.as_str(), name) {
                ("element", Some("t:Path")) => {
                    into.extend(PATH.iter().map(|(name, _)| (*name).to_owned()));
                }
                ("element", Some(name)) => into.push(name.to_owned()),
                _ => collect(child, into),
            }
        }
    }

    fn ours(rules: &Type) -> Vec<String> {
        let Content::Sequence(parts) = rules.content else {
            return Vec::new();
        };
        let members = parts.iter().flat_map(|part| part.members);
        members.map(|(name, _)| (*name).to_owned()).collect()
    }

    #[test]
    fn the_rules_are_microsoft_s() {
        if schema_folder().is_none() {
            println!("the published schema is not there: the rules are not compared with it");
            return;
        }
        for (name, rules) in OPERATIONS {
            let type_name = format!("{name}Type");
            assert_eq!(ours(rules), published("messages.xsd", &type_name), "{name}");
        }
        for (name, rules) in [
            ("ItemType", &ITEM),
            ("EmailAddressType", &MAILBOX),
            ("ItemResponseShapeType", &ITEM_SHAPE),
            ("TargetFolderIdType", &TARGET_FOLDER),
            ("NonEmptyArrayOfBaseFolderIdsType", &FOLDER_IDS),
            ("NonEmptyArrayOfBaseItemIdsType", &ITEM_IDS),
            ("NonEmptyArrayOfPathsToElementType", &PATHS),
            ("ExtendedPropertyType", &EXTENDED_PROPERTY),
            ("FieldURIOrConstantType", &PATH_OR_CONSTANT),
            ("ContainsExpressionType", &CONTAINS),
            ("ExcludesType", &EXCLUDES),
        ] {
            assert_eq!(ours(rules), published("types.xsd", name), "{name}");
        }
        let mut message = published("types.xsd", "ItemType");
        message.extend(published("types.xsd", "MessageType"));
        assert_eq!(ours(&MESSAGE), message);
        let mut attachment = published("types.xsd", "AttachmentType");
        attachment.extend(published("types.xsd", "FileAttachmentType"));
        assert_eq!(ours(&FILE_ATTACHMENT), attachment);
    }
}
