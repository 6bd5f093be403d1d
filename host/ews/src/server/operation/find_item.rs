//! `FindItem`: restriction, order and page over one folder after another.

use std::cmp::Ordering;

use crate::{
    code::ResponseCode,
    find_item::{FindItem, FoundItems, Traversal},
    folder_id::FolderId,
    shape::{BasePoint, Direction, FieldOrder, Page},
};

use super::super::{
    answer::{Answers, Refusal},
    call::Call,
    field,
    item::StoredItem,
    mailbox::Mailbox,
    render::Wanted,
    restriction,
};

pub(in super::super) fn find_item(call: &mut Call<'_>, request: &FindItem) -> String {
    let mut answers = Answers::new();
    for folder in &request.folders {
        answers.push(|| {
            call.begin_item()?;
            find(call, request, folder)
        });
    }
    answers.finish::<FindItem>()
}

fn find(call: &mut Call<'_>, request: &FindItem, folder: &FolderId) -> Result<FoundItems, Refusal> {
    if request.query.is_some() {
        let text = "Searches in words are not served.";
        return Err(Refusal::new(ResponseCode::INVALID_REQUEST, text));
    }
    let (mailbox, number) = call.folder(folder)?;
    let place = call.place(mailbox);
    let config = &call.exchange.config;
    let items_max = match request.restriction {
        Some(_) => config.search_items_max,
        None => config.page_items_max,
    };
    let store = call.open_mut(mailbox).ok_or_else(Refusal::folder_not_found)?;
    let mut found = candidates(store, request, number);
    sort(&mut found, &request.sort_order);
    let wanted = Wanted::in_find(&request.shape);
    let page = cut(found.len(), request.page.as_ref(), items_max);
    let items = found.get(page.from..page.to).unwrap_or_default();
    Ok(FoundItems {
        next_offset: u32::try_from(page.next).ok(),
        total: u32::try_from(found.len()).ok(),
        includes_last: page.is_last,
        items: items.iter().map(|item| wanted.message(item, place)).collect(),
    })
}

/// What the restriction lets through. Where it asks for one value of an extended property, the
/// index is asked, not each item.
fn candidates<'m>(store: &'m mut Mailbox, request: &FindItem, folder: u32) -> Vec<&'m StoredItem> {
    if request.traversal != Traversal::Shallow {
        return Vec::new();
    }
    let Some(condition) = &request.restriction else {
        return store.items_in(folder).collect();
    };
    let keys = restriction::key(condition).and_then(|(id, value)| store.find(&id, value));
    let store = &*store;
    let passes = |item: &&StoredItem| restriction::matches(condition, item);
    match keys {
        Some(keys) => {
            let items = keys.into_iter().filter_map(|key| store.item(key));
            items.filter(|item| item.folder == folder).filter(passes).collect()
        }
        None => store.items_in(folder).filter(passes).collect(),
    }
}

/// Newest first where nothing else is asked for.
fn sort(items: &mut Vec<&StoredItem>, order: &[FieldOrder]) {
    if order.is_empty() {
        return items.sort_by_key(|item| std::cmp::Reverse((item.received, item.uid)));
    }
    let values = |item: &StoredItem| -> Vec<_> {
        order.iter().map(|field| field::value(&field.path, item)).collect()
    };
    let mut keyed: Vec<_> = items.drain(..).map(|item| (values(item), item)).collect();
    keyed.sort_by(|(a, _), (b, _)| {
        let fields = order.iter().zip(a.iter().zip(b));
        let orders = fields.map(|(field, (a, b))| {
            let order = match (a, b) {
                (Some(a), Some(b)) => a.compare(b).unwrap_or(Ordering::Equal),
                (a, b) => a.is_some().cmp(&b.is_some()),
            };
            if field.direction == Direction::Descending { order.reverse() } else { order }
        });
        orders.fold(Ordering::Equal, Ordering::then)
    });
    items.extend(keyed.into_iter().map(|(_, item)| item));
}

/// Which part of a result is shown.
#[derive(Debug, PartialEq, Eq)]
struct Cut {
    from: usize,
    to: usize,
    /// The offset that a client asks for next.
    next: usize,
    is_last: bool,
}

fn cut(total: usize, page: Option<&Page>, items_max: usize) -> Cut {
    let asked = page.and_then(|page| page.entries_max);
    let count = asked.and_then(|max| usize::try_from(max).ok()).unwrap_or(items_max).min(items_max);
    let offset = page.map_or(0, |page| usize::try_from(page.offset).unwrap_or(usize::MAX));
    let offset = offset.min(total);
    let next = offset.saturating_add(count).min(total);
    let is_last = next == total;
    match page.map(|page| page.base_point) {
        // Counted from the end: the page lies before the entries that are passed over.
        Some(BasePoint::End) => Cut { from: total - next, to: total - offset, next, is_last },
        _ => Cut { from: offset, to: next, next, is_last },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_from_both_ends() {
        let page = |entries_max, offset, base_point| Page {
            entries_max: Some(entries_max),
            offset,
            base_point,
        };
        let first = page(2, 0, BasePoint::Beginning);
        assert_eq!(cut(5, Some(&first), 9), Cut { from: 0, to: 2, next: 2, is_last: false });
        let last = page(2, 4, BasePoint::Beginning);
        assert_eq!(cut(5, Some(&last), 9), Cut { from: 4, to: 5, next: 5, is_last: true });
        let end = page(2, 1, BasePoint::End);
        assert_eq!(cut(5, Some(&end), 9), Cut { from: 2, to: 4, next: 3, is_last: false });
        let beyond = page(2, 99, BasePoint::Beginning);
        assert_eq!(cut(5, Some(&beyond), 9), Cut { from: 5, to: 5, next: 5, is_last: true });
        assert_eq!(cut(5, None, 3), Cut { from: 0, to: 3, next: 3, is_last: false });
    }
}
