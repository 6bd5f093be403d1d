//! A test mail: the whole way of a real one, to somebody who can say whether it arrived.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use ews::{
    delivery::{self, DeliveryKey, MailForm},
    folder_id::distinguished,
    item::Importance,
    item_id::ItemId,
    mailbox::Mailbox,
    mime::OutgoingMail,
};
use tokio::time::{Instant, sleep};

use crate::{
    clock,
    config::{self, Format},
    exchange::Account,
    guest::hex,
};

/// How long the copy among the sent mails is waited for, and how often it is looked for.
const COPY_TIME: Duration = Duration::from_secs(15);
const LOOK_EVERY: Duration = Duration::from_millis(500);

const SUBJECT: &str = "Test mail of chat-digest";
const WORDS: &str = "This mail was asked for by `chat-digest check`. It came the way that the mails of your rooms come; \
                     there is nothing else to do.";

/// Sends it to `to`; answers what was seen of it.
///
/// # Errors
/// Which step was refused, with what Exchange said.
pub(super) async fn send(config: &config::Mail, account: &Account, to: &str) -> Result<String> {
    let key = DeliveryKey::new(hex(&clock::random::<16>())).context("the mail has no key")?;
    let form = match config.format {
        Format::Mime => MailForm::Mime,
        Format::Typed => MailForm::Typed,
    };
    let item = delivery::message(&mail(config, &key, to), &key, form)
        .context("the mail cannot be written")?;
    let request = delivery::draft(vec![item]);
    let stored = account.call(&request).await.context("storing it as a draft")?;
    let stored = stored.into_iter().next().context("storing it as a draft: no answer")?;
    let draft = delivery::drafted(&request, stored.context("storing it as a draft")?)
        .context("storing it as a draft")?;
    if let Err(why) = send_draft(account, draft.clone()).await {
        // What stays is found by the daily sweep.
        let _ = account.call(&delivery::discard(vec![draft])).await;
        return Err(why.context("sending the draft"));
    }
    let until = Instant::now() + COPY_TIME;
    loop {
        let folder = distinguished::SENT_ITEMS;
        let found = account.call(&delivery::find(&key, folder, None)).await;
        let found = found.context("looking for the copy among the sent mails")?.into_iter().next();
        let found = found.context("looking for the copy among the sent mails: no answer")?;
        let found = found.context("looking for the copy among the sent mails")?;
        if !delivery::hits(&found, &key).is_empty() {
            return Ok("Exchange took it, and its copy is among the sent mails".to_owned());
        }
        if Instant::now() >= until {
            return Ok(format!(
                "Exchange took it; its copy is not among the sent mails after {} s, so it is still queued there",
                COPY_TIME.as_secs()
            ));
        }
        sleep(LOOK_EVERY).await;
    }
}

async fn send_draft(account: &Account, draft: ItemId) -> Result<()> {
    let answers = account.call(&delivery::send(vec![draft])).await?;
    match answers.into_iter().next() {
        Some(answer) => Ok(answer.map(|_| ())?),
        None => bail!("no answer"),
    }
}

fn mail(config: &config::Mail, key: &DeliveryKey, to: &str) -> OutgoingMail {
    let from = config.mailbox.as_str();
    let domain = from.split_once('@').map_or("localhost", |(_, domain)| domain);
    let headers = [("Auto-Submitted", "auto-generated"), ("X-Auto-Response-Suppress", "All")];
    OutgoingMail {
        from: Mailbox::named(config.sender_name.clone(), from),
        to: vec![Mailbox::smtp(to)],
        subject: SUBJECT.to_owned(),
        html: format!("<html><body><p>{}</p></body></html>", bridge::mail::escape(WORDS)),
        text: WORDS.to_owned(),
        message_id: format!("<{}@{domain}>", key.as_str()),
        in_reply_to: None,
        references: Vec::new(),
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        importance: Importance::Normal,
        attachments: Vec::new(),
        date_unix_s: clock::unix_ms().div_euclid(1000),
    }
}
