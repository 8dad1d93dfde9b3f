//! The token that all benchmarks use: about 1 KiB with 14 claims, as a shop's access token might have them.

use serde_json::json;
use tower_bearer::Algorithm;
use tower_bearer::testing::{TestIssuer, TokenBuilder};

pub(crate) const AUDIENCE: &str = "https://api.example.com";

pub(crate) fn shop_token(issuer: &TestIssuer, algorithm: Algorithm) -> TokenBuilder {
    issuer
        .token()
        .algorithm(algorithm)
        .access_token()
        .audience(AUDIENCE)
        .scope("orders:read orders:write invoices:read customers:read customers:write")
        .claim("azp", "web-shop-frontend")
        .claim("sid", "0f8fad5b-d9cb-469f-a165-70867728950e")
        .claim("email", "alice.example@example.com")
        .claim("name", "Alice Example")
        .claim(
            "roles",
            json!(["reader", "writer", "auditor", "support", "offline"]),
        )
        .claim(
            "tenant",
            json!({"id": "7c9e6679-7425-40de-944b-e07fc1f90ae7", "name": "acme"}),
        )
}
