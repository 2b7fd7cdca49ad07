//! nginx on port 8080 of the namespace's loopback.

use std::fs;
use std::process::{Child, Command, Stdio};

use tempfile::TempDir;

use crate::namespace::wait_for_listener;

/// Bytes of `/large`.
pub(crate) const LARGE: usize = 1 << 20;

/// A running nginx.
pub(crate) struct Web {
    process: Child,
    pub(crate) folder: TempDir,
}

impl Web {
    /// Starts it, and waits until it listens.
    pub(crate) fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path().display();
        fs::write(folder.path().join("index.html"), "hello\n").unwrap();
        fs::write(folder.path().join("large"), vec![b'x'; LARGE]).unwrap();
        let configuration = format!(
            "daemon off; master_process off; worker_processes 1; pid {root}/pid; error_log {root}/error.log;
             events {{ worker_connections 1024; }}
             http {{
               access_log off; client_body_temp_path {root}/b; proxy_temp_path {root}/p; fastcgi_temp_path {root}/f;
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
}

impl Drop for Web {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
