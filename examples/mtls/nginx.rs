//! nginx: it ends TLS, and hands the certificate on in a header.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio::process::{Child, Command};
use tokio::time::sleep;

use crate::Failure;

/// What is particular to client certificates, and where nginx listens and passes requests on to.
fn server(listen: SocketAddr, service: SocketAddr) -> String {
    format!(
        "
        listen {listen} ssl;
        ssl_certificate server.pem;
        ssl_certificate_key server.key;

        # A client may show a certificate, and if it does, it must be by this authority.
        ssl_verify_client optional;
        ssl_client_certificate authority.pem;

        location / {{
            proxy_pass http://{service};
            # Written anew whatever the client has sent, and left out if it has shown no certificate. A location with a
            # `proxy_set_header` of its own inherits none from outside: it needs this line too.
            proxy_set_header x-ssl-cert $ssl_client_escaped_cert;
        }}"
    )
}

/// Starts nginx in a folder that has the certificates; `None` if it is not installed. It ends when the process is dropped.
pub(crate) async fn start(
    folder: &Path,
    service: SocketAddr,
) -> Result<Option<(Child, SocketAddr)>, Failure> {
    // A port that was free a moment ago: nginx cannot say which one it has chosen.
    let listen = TcpListener::bind("127.0.0.1:0").await?.local_addr()?;
    let server = server(listen, service);
    let configuration = format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr; events {{}}
        http {{
            access_log off;
            client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; uwsgi_temp_path d; scgi_temp_path e;
            server {{ {server} }}
        }}"
    );
    fs::write(folder.join("nginx.conf"), configuration)?;
    let started = Command::new("nginx")
        .arg("-p")
        .arg(folder)
        .args(["-e", "stderr", "-c", "nginx.conf"])
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(nginx) = started else {
        return Ok(None);
    };
    for _ in 0..100 {
        if TcpStream::connect(listen).await.is_ok() {
            return Ok(Some((nginx, listen)));
        }
        sleep(Duration::from_millis(50)).await;
    }
    Err("nginx does not listen".into())
}
