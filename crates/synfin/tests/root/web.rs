//! nginx on port 8080 of the namespace's loopback.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::namespace::wait_for_listener;
use crate::trace::{Signal, kill};

/// Bytes of `/large`.
pub(crate) const LARGE: usize = 1 << 20;

/// A running nginx.
pub(crate) struct Web {
    process: Child,
    pub(crate) folder: TempDir,
}

impl Web {
    /// Starts it as one process, and waits until it listens.
    pub(crate) fn start() -> Self {
        Self::start_as("master_process off; worker_processes 1;")
    }

    /// Starts it with so many workers, and waits until it listens.
    #[cfg(feature = "kernel")]
    pub(crate) fn start_workers(count: usize) -> Self {
        // As root, since the folder is root's alone.
        Self::start_as(&format!("user root; worker_processes {count};"))
    }

    fn start_as(processes: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display();
        fs::write(folder.path().join("index.html"), "hello\n").unwrap();
        fs::write(folder.path().join("large"), vec![b'x'; LARGE]).unwrap();
        let configuration = format!(
            "daemon off; {processes} pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 1024; }}
             http {{
               log_format served '$pid $remote_port'; access_log {root}/served served; client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
               uwsgi_temp_path {root}/u; scgi_temp_path {root}/s;
               server {{
                 listen 127.0.0.1:8080; listen [::1]:8080; root {root};
                 location = /closing {{ alias {root}/index.html; gzip on; gzip_min_length 0; gzip_http_version 1.0; gzip_types *; }}
               }}
             }}"
        );
        let file = folder.path().join("nginx.conf");
        fs::write(&file, configuration).unwrap();
        let mut command = Command::new("/usr/sbin/nginx");
        command.arg("-c").arg(&file).arg("-e").arg(folder.path().join("error.log"));
        let process = command.stderr(Stdio::inherit()).spawn().expect("`make test` installs it");
        wait_for_listener("127.0.0.1:8080");
        wait_for_listener("[::1]:8080");
        Self { process, folder }
    }

    /// The process that was started: the master, where there are workers.
    #[cfg(feature = "kernel")]
    pub(crate) fn pid(&self) -> u32 {
        self.process.id()
    }

    /// By its own log, which process has served each port of a client, one connection after the other.
    #[cfg(feature = "kernel")]
    pub(crate) fn served(&self) -> std::collections::HashMap<u16, Vec<u64>> {
        let mut served = std::collections::HashMap::<_, Vec<_>>::new();
        for line in fs::read_to_string(self.folder.path().join("served")).unwrap().lines() {
            let (pid, port) = line.split_once(' ').unwrap();
            served.entry(port.parse().unwrap()).or_default().push(pid.parse().unwrap());
        }
        served
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        // Asked, and not killed: workers end only so.
        kill(Signal::TERM, self.process.id());
        let _ = self.process.wait();
    }
}
