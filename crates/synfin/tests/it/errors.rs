//! Errors: what failed, why, and what to type; and always status 2.

use std::fs;
use std::os::unix::fs::symlink;

use crate::made;
use crate::run::{Ran, command, synfin};

#[test]
fn every_error_says_what_why_and_what_to_type() {
    let folder = made::folder();
    made::write(folder.path(), "empty.pcap", b"");
    made::write(folder.path(), "text.pcap", b"This is no capture.");
    made::write(
        folder.path(),
        "packed.gz",
        &[&[0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3][..], &[0xff; 40]].concat(),
    );
    fs::create_dir(folder.path().join("directory")).unwrap();
    let mut told = String::new();
    for args in [
        "read",
        "read absent.pcap",
        "read one.pcapng absent.pcap",
        "read one.pcapng tcp prot 80",
        "read empty.pcap",
        "read text.pcap",
        "read packed.gz",
        "read directory",
        "read one.pcapng -o directory",
        "read one.pcapng -w absent/file.pcapng",
        "read one.pcapng -w one.pcapng",
        "read one.pcapng -o one.pcapng",
        "read one.pcapng -w new -o new",
        "read one.pcapng --show lader",
        "read one.pcapng --format jsn",
        "read one.pcapng --conection 1",
        "read one.pcapng --connection first",
        "read one.pcapng -q -v",
        "red one.pcapng",
        "trace -B 4000",
        "man red",
        "completions cmd",
    ] {
        let ran = synfin(folder.path(), args.split(' '));
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args}");
        assert!(ran.stderr.starts_with("synfin: "), "{args}: {}", ran.stderr);
        told += &format!("$ synfin {args}\n{}\n", ran.stderr);
    }
    insta::assert_snapshot!(told);
}

/// Nothing of this needs a right: it is said before anything is opened.
#[cfg(feature = "kernel")]
#[test]
fn what_asks_the_kernel_says_it_too() {
    let folder = made::folder();
    let mut told = String::new();
    for args in [
        "states udp",
        "states port",
        "states port 70000",
        "states portrange 5",
        "states net 10.0.0.0",
        "states tcp port 80 or",
        "states ( port 80",
        "states --duration 10d",
        "states --netns absent",
        "states --netns 1 --all-netns",
        "states --format csv",
        "states -B 0",
        "sockets prt 80",
        "sockets --netns 999999999",
        "sockets --watch=soon",
        "sockets -x",
        "sockets -o directory/absent/file",
        "trace --netns absent",
        "doctor --quickly",
    ] {
        let ran = synfin(folder.path(), args.split(' '));
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""), "{args}");
        assert!(ran.stderr.starts_with("synfin: "), "{args}: {}", ran.stderr);
        told += &format!("$ synfin {args}\n{}\n", ran.stderr);
    }
    insta::assert_snapshot!(told);
}

/// Built without the kernel's side, synfin says so.
#[cfg(not(feature = "kernel"))]
#[test]
fn what_is_not_built_in_is_said_to_be_so() {
    let folder = made::folder();
    for command in ["states", "sockets"] {
        let ran = synfin(folder.path(), [command, "-a"]);
        assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
        let told = format!(
            "synfin: there is no synfin {command} here: this program was built without the kernel side\nhint: "
        );
        assert!(ran.stderr.starts_with(&told), "{}", ran.stderr);
    }
}

#[test]
fn without_arguments_it_prints_the_help() {
    let ran = synfin(std::env::temp_dir().as_path(), [""; 0]);
    assert_eq!((ran.status, ran.stdout.as_str()), (2, ""));
    assert!(ran.stderr.contains("synfin demo"));
}

#[test]
fn a_file_that_is_read_is_never_written() {
    let folder = made::folder();
    let path = folder.path().join("one.pcapng");
    let before = fs::read(&path).unwrap();
    symlink(&path, folder.path().join("symbolic")).unwrap();
    fs::hard_link(&path, folder.path().join("hard")).unwrap();
    for option in ["-w", "-o"] {
        for target in ["one.pcapng", "./one.pcapng", "symbolic", "hard"] {
            let ran = synfin(folder.path(), ["read", "two.pcapng", "one.pcapng", option, target]);
            let told = format!("synfin: cannot write {target}: it is being read\n");
            assert!(ran.status == 2 && ran.stderr.starts_with(&told), "{}", ran.stderr);
        }
        let input = fs::File::open(&path).unwrap();
        let ran: Ran =
            command(folder.path(), ["read", "-", option, "hard"]).stdin(input).output().unwrap().into();
        assert_eq!(ran.status, 2, "through standard input");
    }
    assert_eq!(fs::read(&path).unwrap(), before);
}
