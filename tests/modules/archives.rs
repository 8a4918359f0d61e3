//! Archives: of the project, over HTTP, and those that somebody made to do harm.

use super::{calling, fails, forget, saying, text};
use crate::support::Project;
use crate::support::pack::{Entry, file, gz, sha256, special, tar_gz, zip};
use crate::support::server::{Answer, Server};
use std::time::{Duration, Instant};
use tar::EntryType;

#[test]
fn archives_are_fetched_checked_and_locked() {
    let server = Server::start();
    let (first, second) = (saying("first"), saying("second"));
    let packed = tar_gz(&[file("a/net/main.tf", &first)]);
    server.page("/a.tar.gz", Answer::of(packed.clone()));
    server.page("/a.zip", Answer::of(zip(&[("net/main.tf", 0o100_644, second.as_bytes())])));
    server.page("/plain?x=1", Answer::of(packed.clone()));
    server.page("/moved.tgz", Answer::of("").status(302).with("Location", "/a.tar.gz"));
    server.page("/ask?terraform-get=1", Answer::of("").with("X-Terraform-Get", "./a.tar.gz//*"));
    let project = Project::new();
    for (source, expected) in [
        ("/a.tar.gz//a/net".to_owned(), "first"),
        ("/a.zip//net".to_owned(), "second"),
        ("/plain//a/net?archive=tar.gz&x=1".to_owned(), "first"),
        ("/moved.tgz//a/net".to_owned(), "first"),
        (format!("/a.tar.gz//a/net?checksum={}", sha256(&packed)), "first"),
        ("/ask//net".to_owned(), "first"),
    ] {
        project.write("main.hcl", calling(&server.url(&source)));
        assert_eq!(text(&project), expected, "{source}");
    }
    let wrong = format!("/a.tar.gz//a/net?checksum={}", sha256(b""));
    project.write("main.hcl", calling(&server.url(&wrong)));
    fails(&project.mlo(&["plan"]), "MLO1046", &["its checksum is sha256:"]);

    project.write("main.hcl", calling(&server.url("/a.tar.gz//a/net")));
    project.ok(&["get"]);
    server.asked();
    assert_eq!(text(&project), "first");
    assert_eq!(server.asked(), [""; 0], "what is there is not fetched");
    server.page("/a.tar.gz", Answer::of(tar_gz(&[file("a/net/main.tf", &second)])));
    forget(&project);
    fails(&project.mlo(&["plan"]), "MLO1045", &["its archive is sha256:", "mlo get --update"]);
    project.ok(&["get", "--update"]);
    assert_eq!(text(&project), "second");
    server.page("/a.tar.gz", Answer::of("").status(404));
    forget(&project);
    fails(&project.mlo(&["plan"]), "MLO1044", &["404 Not Found"]);
}

#[test]
fn an_archive_of_the_project_is_what_it_is() {
    let project = Project::new();
    project.write("packs/a.tar.gz", tar_gz(&[file("net/main.tf", &saying("first"))]));
    project.write("main.hcl", calling("./packs/a.tar.gz//net"));
    project.ok(&["validate"]);
    assert_eq!(text(&project), "first");
    project.write("packs/a.tar.gz", tar_gz(&[file("net/main.tf", &saying("second"))]));
    assert_eq!(text(&project), "second");
    assert!(!project.path().join(".mlo.lock.json").exists());
    project
        .write("packs/a.tar.gz", tar_gz(&[file("net/main.tf", "output \"text\" {\n  value = var.x\n}\n")]));
    project.mlo(&["plan"]).ends_with(1).has(&["./packs/a.tar.gz//net/main.tf:2:"]);
    project.write("main.hcl", calling("./none.zip"));
    fails(&project.mlo(&["plan"]), "MLO1010", &["does not exist"]);
    project.write("main.hcl", calling("../none.zip"));
    fails(&project.mlo(&["plan"]), "MLO1011", &["leads out of the project"]);
}

/// Archives that are refused, and why.
fn evil() -> Vec<(&'static str, Vec<u8>, &'static str)> {
    let good = file("main.tf", "");
    let with = |entry: Entry<'_>| tar_gz(&[file("main.tf", ""), entry]);
    let zipped =
        |name: &str, mode: u32, content: &[u8]| zip(&[("main.tf", 0o100_644, b""), (name, mode, content)]);
    let huge = vec![b' '; 12 << 20];
    let many: Vec<String> = (0..20_001).map(|at| format!("f{at}")).collect();
    let many: Vec<Entry<'_>> = many.iter().map(|name| file(name, "")).collect();
    let mut lying = zip(&[("main.tf", 0o100_644, b"")]);
    let local = lying.windows(7).position(|window| window == b"main.tf").unwrap();
    lying[local] = b'M';
    let mut truncated = tar_gz(&[good, file("b.tf", "x")]);
    truncated.truncate(truncated.len() - 20);
    vec![
        ("tar.gz", with(file("../../evil", "x")), "leads out"),
        ("tar.gz", with(file("a/../../evil", "x")), "leads out"),
        ("tar.gz", with(file("/tmp/evil", "x")), "not relative"),
        ("tar.gz", with(file("..\\evil", "x")), "not relative"),
        ("tar.gz", with(file("main.tf", "x")), "twice"),
        ("tar.gz", with(file("./main.tf", "x")), "twice"),
        ("tar.gz", with(file("main.tf/x", "x")), "both a file and a folder"),
        ("tar.gz", with(special("l", EntryType::Symlink, "/etc/passwd")), "leads out"),
        ("tar.gz", with(special("l", EntryType::Symlink, "../x")), "leads out"),
        ("tar.gz", with(special("l", EntryType::Symlink, "l")), "more than 10 others"),
        ("tar.gz", with(special("l", EntryType::Link, "main.tf")), "a hard link"),
        ("tar.gz", with(special("l", EntryType::Fifo, "")), "a pipe"),
        ("tar.gz", with(special("l", EntryType::Char, "")), "a device"),
        ("tar.gz", with(special("../evil/", EntryType::Directory, "")), "leads out"),
        ("tar.gz", with(file("a\u{1b}[2Jb", "x")), "control characters"),
        ("tar.gz", tar_gz(&[Entry { bytes: &huge, ..file("main.tf", "") }]), "100 times larger"),
        ("tar.gz", gz(&vec![0; 30 << 20]), "it has no folder"),
        ("tar.gz", tar_gz(&many), "more than 20000 entries"),
        ("tar.gz", truncated, "cannot be read"),
        ("tar.gz", b"hello".to_vec(), "cannot be read"),
        ("zip", zipped("../evil", 0o100_644, b"x"), "leads out"),
        ("zip", zipped("/tmp/evil", 0o100_644, b"x"), "not relative"),
        ("zip", zipped("main.tf", 0o100_644, b"x"), "twice"),
        ("zip", zipped("l", 0o120_777, b"/etc/passwd"), "leads out"),
        ("zip", zipped("l", 0o010_644, b""), "no regular file"),
        ("zip", lying, "differ"),
        ("zip", b"PK\x05\x06".to_vec(), "cannot be read"),
        ("zip", b"hello".to_vec(), "no ZIP file"),
    ]
}

#[test]
#[expect(clippy::disallowed_methods, reason = "what is measured is how long a command takes")]
fn archives_made_to_do_harm_are_refused_at_the_line_of_their_source() {
    let outer = Project::new();
    for (end, bytes, why) in evil() {
        std::fs::create_dir_all(outer.path().join("project")).unwrap();
        outer.write(&format!("project/x.{end}"), bytes);
        outer.write("project/main.hcl", calling(&format!("./x.{end}//net")));
        let begun = Instant::now();
        let said = outer.mlo(&["--chdir", "project", "plan"]);
        let code = if why == "it has no folder" { "MLO1040" } else { "MLO1046" };
        fails(&said, code, &[why]);
        assert!(begun.elapsed() < Duration::from_secs(10), "{why}: {:?}", begun.elapsed());
        assert!(!outer.path().join("evil").exists() && !std::path::Path::new("/tmp/evil").exists(), "{why}");
        let left = std::fs::read_dir(outer.path().join("project/.mlo/modules"));
        assert_eq!(left.map_or(0, Iterator::count), 0, "{why}");
    }
}

#[test]
fn servers_lead_nowhere_that_is_not_meant() {
    let server = Server::start();
    let lead = |path: &str, to: &str| server.page(path, Answer::of("").status(302).with("Location", to));
    lead("/loop.zip", "/loop.zip");
    lead("/meta.zip", "http://169.254.169.254/latest/x.zip");
    lead("/mapped.zip", "http://[::ffff:169.254.169.254]/x.zip");
    lead("/file.zip", "file:///etc/passwd");
    server.page(
        "/repository?terraform-get=1",
        Answer::of("").with("X-Terraform-Get", "git::file:///srv/x.git"),
    );
    server.page("/large.zip", Answer::of(vec![0; (64 << 20) + 1]));
    let project = Project::new();
    for (path, code, why) in [
        ("/loop.zip", "MLO1044", "leads on more than 5 times"),
        ("/meta.zip", "MLO1044", "link-local"),
        ("/mapped.zip", "MLO1044", "link-local"),
        ("/file.zip", "MLO1044", "not HTTP"),
        ("/repository", "MLO1044", "a folder of this machine"),
        ("/nothing", "MLO1044", "names no module"),
        ("/large.zip", "MLO1046", "larger than"),
    ] {
        project.write("main.hcl", calling(&server.url(path)));
        fails(&project.mlo(&["plan"]), code, &[why]);
    }
}
