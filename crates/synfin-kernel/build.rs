//! Compiles the probes with clang. Nothing else is needed: no headers, no network.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=src/events");
    println!("cargo::rerun-if-changed=src/sys");
    println!("cargo::rerun-if-env-changed=CLANG");
    if env::var_os("CARGO_FEATURE_EVENTS").is_some()
        && let Err(why) = compile_probes()
    {
        println!("cargo::error=synfin-kernel: {why}");
        println!("cargo::error=hint: install clang (Debian, Ubuntu: apt install clang) or set CLANG,");
        println!("cargo::error=hint: or build without kernel events: --no-default-features");
        std::process::exit(1);
    }
}

fn compile_probes() -> Result<(), String> {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() != Ok("linux") {
        return Err("kernel events exist on Linux only".into());
    }
    let out = PathBuf::from(env::var_os("OUT_DIR").ok_or("cargo did not set OUT_DIR")?).join("synfin.bpf.o");
    // The byte order is the target's, which is not always that of the machine that builds.
    let target = match env::var("CARGO_CFG_TARGET_ENDIAN").as_deref() {
        Ok("big") => "bpfeb",
        _ => "bpfel",
    };
    let clang = env::var_os("CLANG").unwrap_or_else(|| "clang".into());
    let status = Command::new(&clang)
        .args(["-target", target, "-mcpu=v3", "-O2", "-g", "-Wall", "-Werror", "-c"])
        .arg("src/events/synfin.bpf.c")
        .arg("-o")
        .arg(&out)
        // Where the sources lay is of no use to the reader of the debugging information.
        .arg("-ffile-prefix-map=src/=synfin-kernel/")
        .status()
        .map_err(|e| format!("cannot run {}: {e}", clang.display()))?;
    if status.success() { Ok(()) } else { Err(format!("{} failed: {status}", clang.display())) }
}
