//! A server that demands a certificate of its clients and tells who they are.

use std::fs;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use tower_bearer::Authenticator;
use tower_bearer::introspection::Introspection;

use crate::support::AUDIENCE;

const SERVER: &str = r#"
import http.server, json, ssl, sys, time

class Endpoint(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = self.rfile.read(int(self.headers["content-length"])).decode()
        names = dict(pair[0] for pair in self.connection.getpeercert()["subject"])
        said = json.dumps({
            "active": "client_id=orders-api" in form and "authorization" not in self.headers,
            "sub": names["commonName"], "aud": sys.argv[1], "exp": int(time.time()) + 60,
        }).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)

    def log_message(self, *_):
        pass

context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("server.pem", "server.key")
context.load_verify_locations("ca.pem")
context.verify_mode = ssl.CERT_REQUIRED
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
server.socket = context.wrap_socket(server.socket, server_side=True)
print(server.server_address[1], flush=True)
server.serve_forever()
"#;

/// Ended when the test is, however it ends.
struct Server(Child);

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn run(folder: &Path, line: &str) {
    let status = Command::new("sh")
        .args(["-c", line])
        .current_dir(folder)
        .stderr(Stdio::null())
        .status();
    assert!(status.is_ok_and(|status| status.success()), "{line}");
}

pub(super) async fn check() {
    let folder = std::env::temp_dir().join(format!("tower-bearer-mtls-{}", std::process::id()));
    fs::create_dir_all(&folder).expect("a folder");
    let new = "openssl req -newkey rsa:2048 -nodes -days 2";
    run(
        &folder,
        &format!("{new} -x509 -subj /CN=authority -keyout ca.key -out ca.pem"),
    );
    for (name, subject, extra) in [
        ("server", "/CN=127.0.0.1", "subjectAltName=IP:127.0.0.1"),
        ("client", "/CN=orders", "extendedKeyUsage=clientAuth"),
    ] {
        run(
            &folder,
            &format!(
                "printf '{extra}\\n' > {name}.ext && {new} -subj {subject} -keyout {name}.key -out {name}.csr && \
                 openssl x509 -req -in {name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 \
                 -extfile {name}.ext -out {name}.pem"
            ),
        );
    }
    let child = Command::new("python3")
        .args(["-c", SERVER, AUDIENCE])
        .current_dir(&folder)
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3");
    let mut server = Server(child);
    let mut port = String::new();
    let output = server.0.stdout.take().expect("it is piped");
    BufReader::new(output)
        .read_line(&mut port)
        .expect("the server starts");
    let url = format!("https://127.0.0.1:{}/introspect", port.trim());
    let read = |name: &str| fs::read_to_string(folder.join(name)).expect("it was made");

    let build = |settings: Introspection| {
        Authenticator::builder("https://issuer.test", AUDIENCE)
            .introspection(settings.opaque_tokens_only())
            .build()
            .expect("a sound configuration")
    };
    let at = || Introspection::at(url.as_str());
    let (certificate, key, authority) = (read("client.pem"), read("client.key"), read("ca.pem"));

    let auth = build(
        at().mutual_tls("orders-api", &certificate, &key)
            .additional_ca_certificate(&authority),
    );
    let verified = auth.verify("opaque").await.expect("a good token");
    assert_eq!(verified.subject(), Some("orders"));

    // Without the certificate, or without trust in the server's, nobody is asked anything.
    for settings in [
        at().client_secret_post("orders-api", "x")
            .additional_ca_certificate(&authority),
        at().mutual_tls("orders-api", &certificate, &key),
    ] {
        let error = build(settings).verify("opaque").await.expect_err("no TLS");
        assert_eq!(error.code(), "introspection_unavailable");
    }
    let _ = fs::remove_dir_all(&folder);
}
