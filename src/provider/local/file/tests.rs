use super::TYPE;
use crate::provider::local::tests::{Project, address, shown};
use crate::provider::{Change, ErrorClass, Progress, Subject};
use mlo_state::Address;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;

fn subject(address: &Address) -> Subject<'_> {
    Subject { type_name: TYPE, address, token: "token" }
}

/// SHA-256 of `hello`.
const HELLO: &str = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824";

#[tokio::test]
async fn content_given_in_each_way_is_written() {
    let project = Project::new().await;
    let at = address("local_file.a");
    write(&project, "empty", "");
    let rows = [
        (r#""content":"hello""#, "hello", 0o644),
        (r#""content":"""#, "", 0o644),
        (r#""sensitive_content":"hello""#, "hello", 0o600),
        (r#""content_base64":"aGVsbG8=""#, "hello", 0o644),
        (r#""source":"empty""#, "", 0o644),
        (r#""content":"hello","file_permission":"0751""#, "hello", 0o751),
    ];
    for (number, (arguments, content, mode)) in rows.into_iter().enumerate() {
        let name = format!("made/{number}/file.txt");
        let wanted = format!(r#"{{"filename":"{name}",{arguments}}}"#);
        let planned = project.plan(TYPE, None, &wanted).await.unwrap();
        assert!(planned.is_wholly_known(), "{arguments}: the digest is known before");
        let object = project.create(subject(&at), &wanted).await.unwrap();
        assert_eq!(object, planned, "{arguments}");
        assert_eq!(fs::read_to_string(project.path(&name)).unwrap(), content, "{arguments}");
        assert_eq!(
            fs::metadata(project.path(&name)).unwrap().permissions().mode() & 0o7777,
            mode,
            "{arguments}"
        );
        assert_eq!(project.read(subject(&at), &object).await, Some(object.clone()), "{arguments}: no drift");
        let again = project.plan(TYPE, Some(&object), &wanted).await.unwrap();
        assert_eq!(again, object, "{arguments}: a second plan has no changes");
        project.delete(subject(&at), &object).await;
        assert!(!project.path(&name).exists());
        project.delete(subject(&at), &object).await;
    }
}

#[tokio::test]
async fn a_change_of_the_content_is_made_in_place_and_leaves_no_other_file() {
    let project = Project::new().await;
    let at = address("local_file.a");
    let object = project.create(subject(&at), r#"{"filename":"a.txt","content":"hello"}"#).await.unwrap();
    assert_eq!(shown(&object, "id"), HELLO);
    let changed =
        project.update(subject(&at), &object, r#"{"filename":"a.txt","content":"bye"}"#).await.unwrap();
    assert_eq!(fs::read_to_string(project.path("a.txt")).unwrap(), "bye");
    assert_ne!(shown(&changed, "content_sha256"), HELLO);
    let left: Vec<_> =
        fs::read_dir(project.path("")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["a.txt"]);
}

#[tokio::test]
async fn what_changed_outside_is_read_as_it_is() {
    let project = Project::new().await;
    let at = address("local_file.a");
    let wanted = r#"{"filename":"a.txt","content":"hello"}"#;
    let object = project.create(subject(&at), wanted).await.unwrap();
    let path = project.path("a.txt");

    write(&project, "a.txt", "theirs");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let drifted = project.read(subject(&at), &object).await.unwrap();
    assert_eq!(shown(&drifted, "content"), fs::read_to_string(&path).unwrap());
    assert_eq!(shown(&drifted, "file_permission"), "0600");
    assert_ne!(shown(&drifted, "content_sha256"), HELLO);
    assert_eq!(project.update(subject(&at), &drifted, wanted).await.unwrap(), object, "and is repaired");
    assert_eq!(project.read(subject(&at), &object).await, Some(object.clone()));

    fs::remove_file(&path).unwrap();
    assert_eq!(project.read(subject(&at), &object).await, None, "gone");
    std::os::unix::fs::symlink("/etc/hostname", &path).unwrap();
    assert_eq!(project.read(subject(&at), &object).await, None, "a link is not our file");
    project.delete(subject(&at), &object).await;
    assert!(path.is_symlink(), "and is not removed as if it were");
}

#[tokio::test]
async fn a_source_whose_bytes_change_is_a_change() {
    let project = Project::new().await;
    let at = address("local_file.a");
    let wanted = r#"{"filename":"a.txt","source":"from.txt"}"#;
    let early = project.plan(TYPE, None, wanted).await.unwrap();
    assert_eq!(shown(&early, "content_sha256"), "?", "the source may be made by the same apply");
    let absent = project.start(subject(&at), Change::Create { planned: &early }).await.unwrap_err();
    assert_eq!(absent.class, ErrorClass::Absent);
    assert_eq!(absent.path.unwrap().to_string(), "source");

    write(&project, "from.txt", "one");
    let object = project.create(subject(&at), wanted).await.unwrap();
    write(&project, "from.txt", "two");
    let planned = project.plan(TYPE, Some(&object), wanted).await.unwrap();
    assert_ne!(shown(&planned, "content_sha256"), shown(&object, "content_sha256"));
    write(&project, "from.txt", "three");
    let stale =
        project.start(subject(&at), Change::Update { prior: &object, planned: &planned }).await.unwrap_err();
    assert_eq!(stale.class, ErrorClass::Conflict);
    assert!(stale.summary.ends_with("changed since the plan"), "{stale}");
    assert_eq!(fs::read_to_string(project.path("a.txt")).unwrap(), "one");
}

#[tokio::test]
async fn nothing_of_others_is_written_over() {
    let project = Project::new().await;
    let at = address("local_file.a");
    write(&project, "theirs", "theirs");
    write(&project, "same", "hello");
    fs::create_dir(project.path("folder")).unwrap();
    std::os::unix::fs::symlink("theirs", project.path("link")).unwrap();
    let socket = std::os::unix::net::UnixListener::bind(project.path("socket")).unwrap();
    let rows = [
        ("theirs", "exists already with other content, and was not made here"),
        ("link", "is a symbolic link, and links are not followed"),
        ("folder", "is a folder"),
        ("socket", "is not a regular file"),
    ];
    for (name, expected) in rows {
        let wanted = format!(r#"{{"filename":"{name}","content":"hello"}}"#);
        let error = project.create(subject(&at), &wanted).await.unwrap_err();
        assert_eq!(error.class, ErrorClass::Conflict, "{name}");
        assert_eq!(error.summary, format!("{} {expected}", project.path(name).display()));
        assert_eq!(error.path.unwrap().to_string(), "filename");
    }
    assert_eq!(fs::read_to_string(project.path("theirs")).unwrap(), "theirs");
    drop(socket);
    // An earlier attempt may have written it: that is no conflict.
    project.create(subject(&at), r#"{"filename":"same","content":"hello"}"#).await.unwrap();
}

#[tokio::test]
async fn wrong_arguments_are_named() {
    let project = Project::new().await;
    let rows = [
        (
            r#"{"filename":"a"}"#,
            "exactly one of `content`, `sensitive_content`, `content_base64`, `source` must be given; none is",
        ),
        (
            r#"{"filename":"a","content":"","source":"b"}"#,
            "exactly one of `content`, `sensitive_content`, `content_base64`, `source` must be given; `content`, `source` are",
        ),
        (
            r#"{"filename":"a","content":"","file_permission":"rw-"}"#,
            "`file_permission` is not an octal mode: \"rw-\"",
        ),
        (
            r#"{"filename":"a","content":"","directory_permission":"9"}"#,
            "`directory_permission` is not an octal mode: \"9\"",
        ),
        (r#"{"filename":"a","content_base64":"?"}"#, "`content_base64` is not base64 with padding"),
        (r#"{"filename":"","content":""}"#, "`filename` is not the path of a file: \"\""),
        (r#"{"filename":"a/","content":""}"#, "`filename` is not the path of a file: \"a/\""),
    ];
    for (wanted, expected) in rows {
        let error = project.plan(TYPE, None, wanted).await.unwrap_err();
        assert_eq!(error.summary, expected, "{wanted}");
    }
}

#[tokio::test]
async fn a_folder_that_cannot_be_made_is_a_clear_error() {
    let project = Project::new().await;
    write(&project, "file", "");
    let at = address("local_file.a");
    let error = project.create(subject(&at), r#"{"filename":"file/a.txt","content":""}"#).await.unwrap_err();
    assert_eq!(error.summary, format!("cannot write {}", project.path("file/a.txt").display()));
    assert_eq!(error.help, ["a part of the path is a file and not a folder: choose another `filename`"]);
}

fn write(project: &Project, name: &str, text: &str) {
    use std::io::Write as _;
    fs::File::create(project.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
}

#[tokio::test]
async fn a_file_whose_run_was_killed_is_known_by_its_handle_and_only_if_it_is_the_one() {
    let mut project = Project::new().await;
    let at = address("local_file.a");
    let wanted = r#"{"filename":"sub/a.txt","sensitive_content":"hello"}"#;
    let planned = project.plan(TYPE, None, wanted).await.unwrap();
    let begun = project.connection.start(subject(&at), Change::Create { planned: &planned }).await.unwrap();
    let Progress::Pending { handle, .. } = begun else { panic!("a file is known before it is written") };
    assert!(!project.path("sub").exists() && !handle.contains("hello"), "{handle}");

    // Killed before it was written, and after; and where somebody else wrote there meanwhile.
    for (content, is_ours) in [(None, false), (Some("hello"), true), (Some("theirs"), false)] {
        if let Some(content) = content {
            fs::create_dir_all(project.path("sub")).unwrap();
            write(&project, "sub/a.txt", content);
        }
        project.reconnect().await;
        let polled = project.connection.poll(subject(&at), &handle).await.unwrap();
        let Progress::Done(found) = polled else { panic!("it is known at once") };
        assert_eq!(found.is_some(), is_ours, "{content:?}");
        if let Some(found) = found {
            assert_eq!((shown(&found, "id"), shown(&found, "filename")), (HELLO.into(), "sub/a.txt".into()));
            assert!(found.is_wholly_known());
        }
    }
    let unknown = project.connection.poll(subject(&at), "garbage").await.unwrap_err();
    assert_eq!(unknown.class, ErrorClass::Retryable, "what became of it stays open");
}

#[tokio::test]
async fn a_digest_of_a_secret_is_as_secret() {
    let project = Project::new().await;
    let at = address("local_file.a");
    for (arguments, is_secret) in [(r#""sensitive_content":"hello""#, true), (r#""content":"hello""#, false)]
    {
        let wanted = format!(r#"{{"filename":"{is_secret}.txt",{arguments}}}"#);
        let planned = project.plan(TYPE, None, &wanted).await.unwrap();
        let made = project.create(subject(&at), &wanted).await.unwrap();
        write(&project, &format!("{is_secret}.txt"), "changed");
        let read = project.read(subject(&at), &made).await.unwrap();
        for value in [&planned, &made, &read] {
            for name in ["id", "content_sha256"] {
                let marks = value.get(name).unwrap().marks();
                assert_eq!(marks.is_sensitive(), is_secret, "{name} of {value:?}");
            }
        }
    }
}
