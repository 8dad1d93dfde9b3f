//! Passwords, users and TLS.

use std::time::Duration;

use tower_bearer::ConfigErrorKind;
use tower_bearer::redis::Redis;
use tower_bearer::revocation::{RedisRevocations, RevocationCheck, RevocationStore};

use crate::server::{Folder, Server, certificates, text};
use crate::stage::{ISSUER, Outcome, Stage};

const SOON: Duration = Duration::from_secs(2);

/// The user of the module's own documentation.
const USER: &[&str] = &[
    "acl",
    "setuser",
    "bearer",
    "on",
    ">password",
    "resetkeys",
    "~{tower-bearer}:*",
    "resetchannels",
    "&{tower-bearer}:*",
    "-@all",
    "+eval",
    "+exists",
    "+getrange",
    "+ping",
    "+pttl",
    "+publish",
    "+scan",
    "+set",
    "+subscribe",
];

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_user_who_may_do_what_is_documented_and_nothing_else_is_enough() {
    let server = Server::start();
    assert_eq!(server.cli(USER), "OK");
    server.cli(&["acl", "setuser", "default", "off"]);
    let redis = Redis::single(&server.url()).unwrap();
    let redis = redis.username("bearer").password("password");
    let stage = Stage::new();
    let (here, there) = (
        stage.warm(redis.clone()).await,
        stage.warm(redis.clone()).await,
    );
    let asking = stage
        .service_with(RedisRevocations::new(redis).without_local_copy())
        .await;
    here.revoke("one").await;
    let token = stage.token("one");
    there.until(&token, Outcome::Revoked, SOON).await;
    asking.until(&token, Outcome::Revoked, SOON).await;
    assert_eq!(asking.store.size().await.unwrap(), 1);
    asking
        .store
        .log_out_everywhere(ISSUER, "bob")
        .await
        .unwrap();
    assert_eq!(asking.send(&stage.token("good")).await, Outcome::Accepted);
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn a_wrong_password_leaves_all_unknown_and_is_told_to_nobody() {
    let mut server = Server::with(&["--requirepass", "correct-horse"]);
    server.login = ["-a", "correct-horse", "--no-auth-warning"]
        .map(str::to_owned)
        .into();
    let redis = || Redis::single(&server.url()).unwrap();
    let stage = Stage::new();
    let right = stage.warm(redis().password("correct-horse")).await;
    assert_eq!(right.send(&stage.token("good")).await, Outcome::Accepted);
    let in_url = format!("redis://:correct-horse@127.0.0.1:{}", server.port());
    stage.warm(Redis::single(&in_url).unwrap()).await;
    for redis in [
        redis(),
        redis().password("battery-staple"),
        redis().username("who").password("battery-staple"),
    ] {
        let wrong = stage.service(redis).await;
        let error = wrong
            .store
            .warm(Duration::from_millis(300))
            .await
            .unwrap_err();
        assert_eq!(wrong.send(&stage.token("good")).await, Outcome::Unknown);
        let said = format!(
            "{error:?} {error} {:?} {:?}",
            wrong.store,
            wrong.store.state()
        );
        assert!(!said.contains("battery"), "{said}");
        assert!(
            said.contains("NOAUTH") || said.contains("WRONGPASS"),
            "{said}"
        );
    }
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs redis-server"]
async fn tls_is_spoken_with_whom_the_given_authority_vouches_for_and_with_nobody_else() {
    let folder = Folder::new();
    certificates(&folder);
    let pem = std::fs::read(folder.path("ca.pem")).unwrap();
    let other = Folder::new();
    certificates(&other);
    let stranger = std::fs::read(other.path("ca.pem")).unwrap();
    let files = ["server.pem", "server.key", "ca.pem"].map(|name| folder.path(name));
    let [certificate, key, authority] = files.each_ref().map(|path| text(path));
    let arguments = [
        "--port",
        "0",
        "--tls-port",
        "{port}",
        "--tls-cert-file",
        certificate,
        "--tls-key-file",
        key,
        "--tls-ca-cert-file",
        authority,
        "--tls-auth-clients",
        "no",
    ];
    let mut server = Server::in_folder(Folder::new(), &arguments, |_, _| ());
    server.login = ["--tls", "--cacert", authority].map(str::to_owned).into();
    let url = format!("rediss://127.0.0.1:{}", server.port());
    let redis = || Redis::single(&url).unwrap();
    let stage = Stage::new();
    let service = stage.warm(redis().ca_certificate(&pem).unwrap()).await;
    service.revoke("one").await;
    assert_eq!(service.send(&stage.token("one")).await, Outcome::Revoked);
    assert_eq!(service.send(&stage.token("good")).await, Outcome::Accepted);

    let by_name = format!("rediss://localhost:{}", server.port());
    let by_name = Redis::single(&by_name).unwrap();
    for (what, redis) in [
        ("the system's authorities", redis()),
        (
            "another authority",
            redis().ca_certificate(&stranger).unwrap(),
        ),
        ("another name", by_name.ca_certificate(&pem).unwrap()),
        ("no TLS", Redis::single(&server.url()).unwrap()),
    ] {
        let service = stage.service(redis).await;
        assert!(
            service
                .store
                .warm(Duration::from_millis(700))
                .await
                .is_err(),
            "{what}"
        );
        assert_eq!(
            service.send(&stage.token("good")).await,
            Outcome::Unknown,
            "{what}"
        );
    }
    let error = redis().ca_certificate("no PEM").unwrap_err();
    assert_eq!(error.kind(), ConfigErrorKind::Redis);
}
