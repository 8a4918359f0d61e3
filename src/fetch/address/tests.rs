use super::*;

/// An address in a line: its key, what else counts of it, and its folder.
fn line(source: &str) -> String {
    match Address::parse(source) {
        Err(error) => format!("error: {error}"),
        Ok(address) => {
            let what = match &address.package {
                Package::Git(git) => git.url.clone(),
                Package::Http(http) => {
                    format!("{:?} {}", http.format, http.checksum.as_deref().map_or("", |_| "checked"))
                }
                Package::Oci(oci) => oci.reference.clone(),
                Package::Registry(registry) => registry.host.clone(),
            };
            format!("{} | {} | {}", address.key(), what.trim(), address.folder)
        }
    }
}

#[test]
fn sources_are_read_as_terraform_reads_them() {
    for (source, expected) in [
        ("git::https://h/a.git", "git::https://h/a.git | https://h/a.git | "),
        ("git::https://h/a.git//b/c?ref=v1", "git::https://h/a.git?ref=v1 | https://h/a.git | b/c"),
        ("git::https://h/a.git?ref=v1&depth=1", "git::https://h/a.git?ref=v1 | https://h/a.git | "),
        ("git::https://u:p4ss@h/a.git", "git::https://h/a.git | https://u:p4ss@h/a.git | "),
        ("git::ssh://git@h:22/a.git//b", "git::ssh://git@h:22/a.git | ssh://git@h:22/a.git | b"),
        ("git::file:///srv/a.git", "git::file:///srv/a.git | file:///srv/a.git | "),
        ("git@github.com:o/r.git", "git::git@github.com:o/r.git | git@github.com:o/r.git | "),
        ("git::git@h:o/r.git//b?ref=v1", "git::git@h:o/r.git?ref=v1 | git@h:o/r.git | b"),
        ("github.com/o/r", "git::https://github.com/o/r.git | https://github.com/o/r.git | "),
        ("github.com/o/r.git", "git::https://github.com/o/r.git | https://github.com/o/r.git | "),
        ("github.com/o/r/b/c", "git::https://github.com/o/r.git | https://github.com/o/r.git | b/c"),
        (
            "github.com/o/r//b?ref=x%2Fy",
            "git::https://github.com/o/r.git?ref=x/y | https://github.com/o/r.git | b",
        ),
        ("git::github.com/o/r", "git::https://github.com/o/r.git | https://github.com/o/r.git | "),
        ("https://h/a.zip", "https://h/a.zip | Some(Zip) | "),
        ("https://h/a.tar.gz//b", "https://h/a.tar.gz | Some(TarGz) | b"),
        ("https://h/a.tgz?x=1", "https://h/a.tgz?x=1 | Some(TarGz) | "),
        ("https://h/a?archive=zip&x=1", "https://h/a?x=1 | Some(Zip) | "),
        ("https://h/a.zip?archive=false", "https://h/a.zip | None | "),
        ("https://h/a", "https://h/a | None | "),
        ("http://localhost:1/a.zip", "http://localhost:1/a.zip | Some(Zip) | "),
        ("oci://h/a/b:1.0//c", "oci://h/a/b:1.0 | 1.0 | c"),
        ("oci://h:5000/a", "oci://h:5000/a:latest | latest | "),
        ("oci://h/a//c?tag=1.0", "oci://h/a:1.0 | 1.0 | c"),
        ("hashicorp/consul/aws", "hashicorp/consul/aws | registry.terraform.io | "),
        ("hashicorp/consul/aws//a/b", "hashicorp/consul/aws | registry.terraform.io | a/b"),
        ("app.example.com/a/b/c", "app.example.com/a/b/c | app.example.com | "),
        ("localhost:1/a/b/c", "localhost:1/a/b/c | localhost:1 | "),
    ] {
        assert_eq!(line(source), expected, "{source}");
    }
    let digest = format!("sha256:{}", "aB".repeat(32));
    assert!(line(&format!("https://h/a.zip?checksum={digest}")).contains("checked"));
    assert!(line(&format!("oci://h/a@{digest}")).starts_with("oci://h/a@sha256:abab"));
    assert!(line(&format!("http://h/a.zip?checksum={digest}")).contains("checked"));
}

#[test]
fn what_could_do_harm_or_means_nothing_is_refused() {
    for (source, why) in [
        ("", "nothing at all"),
        ("git::https://h/a b.git", "white space"),
        ("-upload-pack=x", "begins with `-`"),
        ("git::ext::sh -c x", "white space"),
        ("git::ext::sh", "`https://host/path.git`"),
        ("git::ext://h/a", "`git::ext://` is not supported"),
        ("git::--upload-pack=x", "`https://host/path.git`"),
        ("git::ssh://-oProxyCommand=x/a", "no host"),
        ("git::-x@h:a", "`https://host/path.git`"),
        ("git::x@-h:a", "`https://host/path.git`"),
        ("git::https://h/a?ref=--upload-pack", "not the name of a branch"),
        ("git::https://h/a?ref=-x", "not the name of a branch"),
        ("git::https://h/a?ref=%2dx", "not the name of a branch"),
        ("git::https://h/a?ref=a%0ab", "not the name of a branch"),
        ("git::https://h/a?ref=a:b", "not the name of a branch"),
        ("git::https://h/a?ref=", "not the name of a branch"),
        ("git::https://h/a?depth=0", "from 1 on"),
        ("git::https://h/a?sshkey=x", "SSH agent"),
        ("git::https://h/a?x=1", "`x` is not known"),
        ("git::http://h/a.git", "plain HTTP"),
        ("git::https://h/a.git//../b", "leads out"),
        ("http://h/a.zip", "plain HTTP"),
        ("https://h/a.tar.xz", "pack it as"),
        ("https://h/a?archive=rar", "`tar.gz` and `zip`"),
        ("https://h/a.zip?checksum=md5:1", "64 hexadecimal digits"),
        ("https:///a.zip", "no host"),
        ("oci://h", "oci://host/repository:tag"),
        ("oci://h/A", "not the name of a repository"),
        ("oci://h/a:1@sha256:0", "64 hexadecimal digits"),
        ("oci://h/a@sha256:0", "64 hexadecimal digits"),
        ("oci://h/a:x%20y", "neither a tag nor a digest"),
        ("s3::https://h/a", "`s3::` is not supported"),
        ("ssh://git@h/a", "git::ssh://"),
        ("ftp://h/a", "`ftp://` is not supported"),
        ("github.com/o", "an owner and a repository"),
        ("a/b", "neither a folder"),
        ("a/b/c/d", "neither a folder"),
        ("-a/b/c", "begins with `-`"),
    ] {
        let found = line(source);
        assert!(found.starts_with("error: ") && found.contains(why), "{source}: {found}");
    }
}
