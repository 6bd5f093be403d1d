//! exchangelib and DavMail, clients that this project did not write, at the embedded Exchange.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests stop at the first surprise"
)]

mod peer;

use std::{io::Write, net::TcpListener, path::Path, process::Command};

use peer::{Program, Running, Served, exchangelib, peer as program};
use serde_json::Value;

/// Signs in both ways, sends to a group that holds people, and each has it once.
#[test]
#[ignore = "needs exchangelib"]
fn exchangelib_sends_to_a_group_and_reads() {
    let served = Served::embedded();
    let anna = served.user("anna.keller");
    for (subject, auth) in [("By Basic", "basic"), ("By NTLM", "ntlm")] {
        let text = "Übergabe: <all> & quiet 平静";
        let arguments = ["on-call@contoso.example", subject, text, "--auth", auth];
        let sent = exchangelib(&served, "exchange-send.py", &anna, &arguments).objects();
        let [sent] = sent.as_slice() else { panic!("{sent:#?}") };
        assert_eq!(sent["text"], text);
        assert_eq!(sent["is_draft"], false);
        for login in ["sara.holm", "piotr.nowak"] {
            let reader = served.user(login);
            let arguments = ["--auth", auth];
            let inbox = exchangelib(&served, "exchange-inbox.py", &reader, &arguments).objects();
            let mut found = inbox.iter().filter(|mail| mail["subject"] == subject);
            let mail = found.next().unwrap_or_else(|| panic!("{login}: {inbox:#?}"));
            assert!(found.next().is_none(), "{login}: {inbox:#?}");
            assert_eq!(mail["text"], text);
            assert_eq!(mail["from"], "anna.keller@contoso.example");
            assert_eq!(mail["message_id"], sent["message_id"]);
        }
    }
    let inbox = exchangelib(&served, "exchange-inbox.py", &anna, &[]).objects();
    assert_eq!(inbox, [] as [Value; 0]);
}

#[test]
#[ignore = "needs exchangelib"]
fn exchangelib_with_a_wrong_password() {
    let served = Served::embedded();
    let mut anna = served.user("anna.keller");
    anna.password.push('x');
    for auth in ["basic", "ntlm"] {
        let arguments = ["--auth", auth, "--patience", "0"];
        let complaint = exchangelib(&served, "exchange-inbox.py", &anna, &arguments).complaint();
        assert!(complaint.contains("UnauthorizedError"), "{auth}: {complaint}");
    }
}

/// Whoever does not trust our authority does not send a password.
#[test]
#[ignore = "needs exchangelib"]
fn exchangelib_without_the_authority() {
    let served = Served::embedded();
    let anna = served.user("anna.keller");
    let mut command = Command::new("python3");
    command.arg(program("exchange-inbox.py")).args([served.text("ews"), &anna.login]);
    command.args([&anna.password, &anna.mailbox, "--patience", "0"]);
    let complaint = Running::start(&mut command).complaint();
    assert!(complaint.contains("CERTIFICATE_VERIFY_FAILED"), "{complaint}");
}

/// The measure itself works; what it measures is for a benchmark.
#[test]
#[ignore = "needs exchangelib"]
fn exchangelib_sends_at_a_rate() {
    let served = Served::embedded();
    let service = served.user("chat-digest");
    let arguments = ["--count", "12", "--chunk", "5", "--to", "anna.keller@contoso.example"];
    let measured = exchangelib(&served, "exchange-rate.py", &service, &arguments).objects();
    assert_eq!(measured[0]["count"], 12);
    let inbox = exchangelib(&served, "exchange-inbox.py", &served.user("anna.keller"), &[]);
    assert_eq!(inbox.objects().len(), 24);
}

/// DavMail is a Java program and not among what `tests/all.sh` installs.
#[test]
#[ignore = "needs DavMail"]
fn davmail_reads_an_inbox() {
    const JAR: &str = "/usr/share/davmail/davmail.jar";
    if !Path::new(JAR).exists() {
        // Past the test harness, which keeps what a passing test prints to itself.
        let words =
            "\nSKIPPED davmail_reads_an_inbox: needs DavMail, apt-get install davmail-server";
        writeln!(std::io::stderr(), "{words}").unwrap();
        return;
    }
    let served = Served::embedded();
    let anna = served.user("anna.keller");
    let marc = served.user("marc.ober");
    let text = "Die Nacht war ruhig & 平静";
    let arguments = [marc.mailbox.as_str(), "Übergabe", text];
    exchangelib(&served, "exchange-send.py", &anna, &arguments).objects();

    let directory = tempfile::tempdir().unwrap();
    let (port, settings) = davmail_settings(&served, directory.path());
    let mut davmail =
        Program::start(Command::new("java").args(["-jar", JAR, "-notray"]).arg(settings));
    davmail.until_any("listener", |line| line.contains(&format!("{port}")));

    let read = |password: &str| {
        let mut command = Command::new("python3");
        command.arg(program("davmail-inbox.py")).arg(port.to_string());
        Running::start(command.args([&marc.mailbox, password]))
    };
    let inbox = read(&marc.password).objects();
    let [mail] = inbox.as_slice() else { panic!("{inbox:#?}") };
    assert_eq!(mail["subject"], "Übergabe");
    assert_eq!(mail["text"].as_str().map(str::trim), Some(text));
    let complaint = read("wrong").complaint();
    assert!(complaint.contains("LOGIN failed"), "{complaint}");
}

/// DavMail trusts one certificate by its SHA-1 fingerprint, which is how it takes a private one.
fn davmail_settings(served: &Served, directory: &Path) -> (u16, std::path::PathBuf) {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = served.text("ews");
    let settings = format!(
        "davmail.server=true\ndavmail.mode=EWS\ndavmail.url={url}\n\
         davmail.server.certificate.hash={}\n\
         davmail.imapPort={port}\ndavmail.smtpPort=\ndavmail.popPort=\ndavmail.ldapPort=\n\
         davmail.caldavPort=\ndavmail.allowRemote=false\ndavmail.bindAddress=127.0.0.1\n\
         davmail.disableUpdateCheck=true\ndavmail.logFilePath={}\nlog4j.rootLogger=INFO\n\
         log4j.logger.davmail=INFO\n",
        fingerprint(url),
        directory.join("davmail.log").display(),
    );
    let file = directory.join("davmail.properties");
    std::fs::write(&file, settings).unwrap();
    (port, file)
}

/// The SHA-1 fingerprint of the certificate that the server shows, as `AB:CD:…`.
fn fingerprint(url: &str) -> String {
    const PROGRAM: &str = "import hashlib, ssl, sys, urllib.parse as u\n\
        at = u.urlsplit(sys.argv[1])\n\
        pem = ssl.get_server_certificate((at.hostname, at.port))\n\
        digest = hashlib.sha1(ssl.PEM_cert_to_DER_cert(pem)).digest()\n\
        print(':'.join(f'{byte:02X}' for byte in digest))";
    let output = Command::new("python3").args(["-c", PROGRAM, url]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}
