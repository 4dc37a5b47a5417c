use super::*;

fn uids(numbers: impl IntoIterator<Item = u32>) -> Vec<NonZeroU32> {
    numbers.into_iter().map(|number| NonZeroU32::new(number).unwrap()).collect()
}

fn validity(number: u32) -> Option<UidValidity> {
    Some(UidValidity(NonZeroU32::new(number).unwrap()))
}

fn links(id: &str, before: &str) -> Links {
    Links::of(format!("Message-ID: <{id}>\r\nReferences: {before}\r\n\r\n").as_bytes())
}

/// Learns messages as (uid, date, identifier, references).
fn learned(messages: &[(u32, i64, &str, &str)]) -> Index {
    let mut index = Index::default();
    let there = uids(messages.iter().map(|message| message.0));
    assert_eq!(index.meet(validity(1), &there), there);
    for (uid, date, id, before) in messages {
        index.learn(NonZeroU32::new(*uid).unwrap(), *date, links(id, before));
    }
    index
}

// What a reader of mail expects: the conversation that was written to last is
// the first, and its newest message is the first of it.
#[test]
fn conversations_are_sorted_by_their_newest_message() {
    let mut index = learned(&[
        (1, 10, "a", ""),
        (2, 20, "b", ""),
        (3, 30, "c", ""),
        (4, 40, "d", "<a>"),
        (5, 35, "e", "<b>"),
    ]);
    assert_eq!(index.conversations(), [uids([4, 1]), uids([5, 2]), uids([3])]);
}

// A message that is moved back, or into an archive, has a new identifier and its
// old date (RFC 9051 §6.4.7): it stays where it was.
#[test]
fn a_message_has_its_place_by_its_date_not_by_its_identifier() {
    let mut index = learned(&[(7, 50, "a", ""), (8, 60, "b", ""), (9, 40, "c", "")]);
    assert_eq!(index.conversations(), [uids([8]), uids([7]), uids([9])]);
}

#[test]
fn what_is_gone_is_forgotten_and_only_what_is_new_is_asked_for() {
    let mut index = learned(&[(1, 1, "a", ""), (2, 2, "b", "<a>"), (3, 3, "c", "")]);
    assert_eq!(index.conversations().len(), 2);
    assert_eq!(index.meet(validity(1), &uids([1, 3, 9])), uids([9]));
    // The new one could not be fetched: it is asked for again the next time.
    assert_eq!(index.conversations(), [uids([3]), uids([1])]);
    assert_eq!(index.meet(validity(1), &uids([1, 3, 9])), uids([9]));
    index.learn(NonZeroU32::new(9).unwrap(), 9, links("d", "<a>"));
    assert_eq!(index.conversations(), [uids([9, 1]), uids([3])]);
}

// What a server does not tell of is listed among those that came about then, and
// is asked for until it is told.
#[test]
fn what_is_not_told_has_its_place_by_its_identifier_until_it_is() {
    let mut index = learned(&[(1, 10, "a", ""), (3, 30, "c", "<a>"), (5, 50, "e", "")]);
    for uid in uids([4, 9]) {
        index.miss(uid);
    }
    assert_eq!(index.messages(), 5);
    assert_eq!(index.conversations(), [uids([9]), uids([5]), uids([4]), uids([3, 1])]);
    assert_eq!(index.meet(validity(1), &uids([1, 3, 4, 5])), uids([4]));
    index.learn(NonZeroU32::new(4).unwrap(), 40, links("d", "<c>"));
    // What is known already is not forgotten over one failure.
    index.miss(NonZeroU32::new(4).unwrap());
    assert_eq!(index.conversations(), [uids([5]), uids([4, 3, 1])]);
    assert!(index.meet(validity(1), &uids([1, 3, 4, 5])).is_empty());
}

// RFC 9051 §2.3.1.1.
#[test]
fn another_validity_means_other_messages() {
    let mut index = learned(&[(1, 1, "a", "")]);
    assert_eq!(index.meet(validity(2), &uids([1])), uids([1]));
    assert!(index.conversations().is_empty());
}

#[test]
fn of_more_messages_than_are_kept_the_latest_count() {
    let mut index = Index::default();
    let most = u32::try_from(MESSAGES_MAX).unwrap();
    let missing = index.meet(validity(1), &uids(1..=most + 5));
    assert_eq!((missing.len(), missing[0].get()), (MESSAGES_MAX, 6));
}

// RFC 9051 §6.4.9: commands stay short, however many holes there are.
#[test]
fn holes_between_messages_are_not_told() {
    let there = uids([2, 4, 6, 7, 9, 20]);
    assert_eq!(ranges(&there, &uids([2, 4, 6, 9, 20])).to_string(), "2:6,9:20");
    assert_eq!(ranges(&there, &uids([7])).to_string(), "7");
    assert!(ranges(&there, &[]).is_empty());
}

#[test]
fn a_session_keeps_the_folders_it_used_last_up_to_a_bound() {
    let mut indexes = Indexes::default();
    for number in 0..FOLDERS_MAX + 2 {
        indexes.put(number.to_string(), learned(&[(1, 1, "a", "")]));
    }
    assert_eq!(indexes.0.len(), FOLDERS_MAX);
    assert_eq!(indexes.take("0").messages(), 0);
    assert_eq!(indexes.take("2").messages(), 1);
    // A large one drives the others out, but stays itself.
    let mut large = Index::default();
    for uid in uids(1..=u32::try_from(MESSAGES_MAX).unwrap()) {
        large.learn(uid, 0, Links::default());
    }
    indexes.put("large".to_owned(), large);
    assert_eq!(indexes.0.len(), 1);
    assert_eq!(indexes.take("large").messages(), MESSAGES_MAX);
}
