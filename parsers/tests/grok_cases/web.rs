//! Lines of object storage, balancers, content delivery and caches, each with all of its fields.

use serde_json::json;

use super::{ecs, legacy};

const STORAGE: &str = concat!(
    "79a59df9 shop-images [20/Nov/2026:18:56:21 +0000] 192.0.2.7 79a59df9 3E57427F REST.GET.OBJECT big/cat.png ",
    r#""GET /big/cat.png HTTP/1.1" 200 - 5120 6144 12 9 "https://example.org/" "Browser/1.0 (X11)" v7"#
);

#[test]
fn storage_of_amazon() {
    legacy(
        "S3_ACCESS_LOG",
        STORAGE,
        json!({
            "owner": "79a59df9", "bucket": "shop-images", "timestamp": "20/Nov/2026:18:56:21 +0000",
            "clientip": "192.0.2.7", "requester": "79a59df9", "request_id": "3E57427F",
            "operation": "REST.GET.OBJECT", "key": "big/cat.png", "verb": "GET", "request": "/big/cat.png",
            "httpversion": "1.1", "response": 200, "bytes": 5120, "object_size": 6144, "request_time_ms": 12,
            "turnaround_time_ms": 9, "referrer": "\"https://example.org/\"", "agent": "\"Browser/1.0 (X11)\"",
            "version_id": "v7",
        }),
    );
    ecs(
        "S3_ACCESS_LOG",
        &format!("{STORAGE} aGVsbG8= SigV4 ECDHE-RSA AuthHeader shop-images.example.org TLSv1.2"),
        json!({
            "[aws][s3access][bucket_owner]": "79a59df9", "[aws][s3access][bucket]": "shop-images",
            "timestamp": "20/Nov/2026:18:56:21 +0000", "[client][ip]": "192.0.2.7", "[client][user][id]": "79a59df9",
            "[aws][s3access][request_id]": "3E57427F", "[aws][s3access][operation]": "REST.GET.OBJECT",
            "[aws][s3access][key]": "big/cat.png", "[aws][s3access][request_uri]": "GET /big/cat.png HTTP/1.1",
            "[http][request][method]": "GET", "[url][original]": "/big/cat.png", "[http][version]": "1.1",
            "[http][response][status_code]": 200, "[aws][s3access][bytes_sent]": 5120,
            "[aws][s3access][object_size]": 6144, "[aws][s3access][total_time]": 12,
            "[aws][s3access][turn_around_time]": 9, "[http][request][referrer]": "https://example.org/",
            "[user_agent][original]": "Browser/1.0 (X11)", "[aws][s3access][version_id]": "v7",
            "[aws][s3access][host_id]": "aGVsbG8=", "[aws][s3access][signature_version]": "SigV4",
            "[tls][cipher]": "ECDHE-RSA", "[aws][s3access][authentication_type]": "AuthHeader",
            "[aws][s3access][host_header]": "shop-images.example.org", "[aws][s3access][tls_version]": "TLSv1.2",
        }),
    );
}

const BALANCER: &str = concat!(
    "2026-11-20T18:56:21.186641Z shop-lb 192.0.2.7:2817 198.51.100.8:80 0.000112 0.004217 0.000033 200 201 3 29 ",
    r#""GET https://shop.example.org:443/cart?item=7 HTTP/1.1""#
);

#[test]
fn balancers_of_amazon() {
    legacy(
        "ELB_ACCESS_LOG",
        BALANCER,
        json!({
            "timestamp": "2026-11-20T18:56:21.186641Z", "elb": "shop-lb", "clientip": "192.0.2.7",
            "clientport": 2817, "backendip": "198.51.100.8", "backendport": 80,
            "request_processing_time": 0.000112, "backend_processing_time": 0.004217,
            "response_processing_time": 0.000033, "response": 200, "backend_response": 201, "received_bytes": 3,
            "bytes": 29, "verb": "GET", "request": "https://shop.example.org:443/cart?item=7", "proto": "https",
            "urihost": "shop.example.org:443", "port": "443", "path": "/cart", "params": "?item=7",
            "httpversion": "1.1",
        }),
    );
    ecs(
        "ELB_ACCESS_LOG",
        &format!("{BALANCER} \"Browser/1.0 (X11)\" ECDHE-RSA TLSv1.2"),
        json!({
            "timestamp": "2026-11-20T18:56:21.186641Z", "[aws][elb][name]": "shop-lb", "[source][ip]": "192.0.2.7",
            "[source][port]": 2817, "[aws][elb][backend][ip]": "198.51.100.8", "[aws][elb][backend][port]": 80,
            "[aws][elb][request_processing_time][sec]": 0.000112,
            "[aws][elb][backend_processing_time][sec]": 0.004217,
            "[aws][elb][response_processing_time][sec]": 0.000033, "[http][response][status_code]": 200,
            "[aws][elb][backend][http][response][status_code]": 201, "[http][request][body][bytes]": 3,
            "[http][response][body][bytes]": 29, "[http][request][method]": "GET",
            "[url][original]": "https://shop.example.org:443/cart?item=7", "[url][scheme]": "https",
            "[url][domain]": "shop.example.org", "[url][port]": 443, "[url][path]": "/cart", "[url][query]": "item=7",
            "[http][version]": "1.1", "[user_agent][original]": "Browser/1.0 (X11)", "[tls][cipher]": "ECDHE-RSA",
            "[aws][elb][ssl_protocol]": "TLSv1.2",
        }),
    );
}

const DELIVERY: &str = concat!(
    "2026-11-20\t18:56:21\tFRA2\t5120\t192.0.2.7\tGET\td1.example.org\t/cat.png\t200\thttps://example.org/\tBrowser/1.0\t",
    "size=big\t-\tHit\tSpVXs==\tshop.example.org\thttps\t412\t0.001\t-\tTLSv1.3\tTLS_AES_128\tHit"
);

#[test]
fn content_delivery_of_amazon() {
    legacy(
        "CLOUDFRONT_ACCESS_LOG",
        DELIVERY,
        json!({
            "timestamp": "2026-11-20\t18:56:21", "x_edge_location": "FRA2", "sc_bytes": 5120, "clientip": "192.0.2.7",
            "cs_method": "GET", "cs_host": "d1.example.org", "cs_uri_stem": "/cat.png", "sc_status": 200,
            "referrer": "https://example.org/", "agent": "Browser/1.0", "cs_uri_query": "size=big", "cookies": "-",
            "x_edge_result_type": "Hit", "x_edge_request_id": "SpVXs==", "x_host_header": "shop.example.org",
            "cs_protocol": "https", "cs_bytes": 412, "time_taken": 0.001, "x_forwarded_for": "-",
            "ssl_protocol": "TLSv1.3", "ssl_cipher": "TLS_AES_128", "x_edge_response_result_type": "Hit",
        }),
    );
    ecs(
        "CLOUDFRONT_ACCESS_LOG",
        &format!("{DELIVERY}\tHTTP/2.0\t-\t-\t51001\t0.002\tHit\timage/png\t77\t-\t-"),
        json!({
            "timestamp": "2026-11-20\t18:56:21", "[aws][cloudfront][x_edge_location]": "FRA2",
            "[destination][bytes]": 5120, "[source][ip]": "192.0.2.7", "[http][request][method]": "GET",
            "[url][domain]": "d1.example.org", "[url][path]": "/cat.png", "[http][response][status_code]": 200,
            "[http][request][referrer]": "https://example.org/", "[user_agent][original]": "Browser/1.0",
            "[url][query]": "size=big", "[aws][cloudfront][x_edge_result_type]": "Hit",
            "[aws][cloudfront][x_edge_request_id]": "SpVXs==",
            "[aws][cloudfront][http][request][host]": "shop.example.org", "[network][protocol]": "https",
            "[source][bytes]": 412, "[aws][cloudfront][time_taken]": 0.001,
            "[aws][cloudfront][ssl_protocol]": "TLSv1.3", "[tls][cipher]": "TLS_AES_128",
            "[aws][cloudfront][x_edge_response_result_type]": "Hit", "[http][version]": "2.0",
            "[source][port]": 51001, "[aws][cloudfront][time_to_first_byte]": 0.002,
            "[aws][cloudfront][x_edge_detailed_result_type]": "Hit", "[http][request][mime_type]": "image/png",
            "[aws][cloudfront][http][request][size]": 77,
        }),
    );
}

const PROXY: &str = concat!(
    "Nov 20 18:56:21 lb-1 haproxy[812]: 192.0.2.7:50011 [20/Nov/2026:18:56:20.945] public~ shop/web-3 ",
    r#"10/0/30/69/109 200 2750 - sid=7 ---- 12/11/10/9/0 1/2 {example.org} {nginx} "GET /cart?item=7 HTTP/1.1""#
);
const PROXY_TCP: &str = concat!(
    "Nov 20 18:56:21 lb-1 haproxy[812]: 192.0.2.7:50011 [20/Nov/2026:18:56:20.945] db db/db-2 ",
    "0/1/5007 212 -- 4/3/2/1/0 0/5"
);

#[test]
fn requests_through_haproxy() {
    legacy(
        "HAPROXYHTTP",
        PROXY,
        json!({
            "syslog_timestamp": "Nov 20 18:56:21", "syslog_server": "lb-1", "program": "haproxy", "pid": "812",
            "client_ip": "192.0.2.7", "client_port": "50011", "accept_date": "20/Nov/2026:18:56:20.945",
            "haproxy_monthday": "20", "haproxy_month": "Nov", "haproxy_year": "2026", "haproxy_time": "18:56:20",
            "haproxy_hour": "18", "haproxy_minute": "56", "haproxy_second": "20", "haproxy_milliseconds": "945",
            "frontend_name": "public~", "backend_name": "shop", "server_name": "web-3", "time_request": "10",
            "time_queue": "0", "time_backend_connect": "30", "time_backend_response": "69", "time_duration": "109",
            "http_status_code": "200", "bytes_read": "2750", "captured_request_cookie": "-",
            "captured_response_cookie": "sid=7", "termination_state": "----", "actconn": "12", "feconn": "11",
            "beconn": "10", "srvconn": "9", "retries": "0", "srv_queue": "1", "backend_queue": "2",
            "captured_request_headers": "example.org", "captured_response_headers": "nginx", "http_verb": "GET",
            "http_request": "/cart?item=7", "http_version": "1.1",
        }),
    );
    ecs(
        "HAPROXYHTTP",
        PROXY,
        json!({
            "timestamp": "Nov 20 18:56:21", "[host][hostname]": "lb-1", "[process][name]": "haproxy",
            "[process][pid]": 812, "[source][address]": "192.0.2.7", "[source][port]": 50011,
            "[haproxy][request_date]": "20/Nov/2026:18:56:20.945", "[haproxy][frontend_name]": "public~",
            "[haproxy][backend_name]": "shop", "[haproxy][server_name]": "web-3",
            "[haproxy][http][request][time_wait_ms]": 10, "[haproxy][total_waiting_time_ms]": 0,
            "[haproxy][connection_wait_time_ms]": 30, "[haproxy][http][request][time_wait_without_data_ms]": 69,
            "[haproxy][total_time_ms]": "109", "[http][response][status_code]": 200, "[source][bytes]": 2750,
            "[haproxy][http][response][captured_cookie]": "sid=7", "[haproxy][termination_state]": "----",
            "[haproxy][connections][active]": 12, "[haproxy][connections][frontend]": 11,
            "[haproxy][connections][backend]": 10, "[haproxy][connections][server]": 9,
            "[haproxy][connections][retries]": 0, "[haproxy][server_queue]": 1, "[haproxy][backend_queue]": 2,
            "[haproxy][http][request][captured_headers]": "example.org",
            "[haproxy][http][response][captured_headers]": "nginx", "[http][request][method]": "GET",
            "[url][original]": "/cart?item=7", "[url][path]": "/cart", "[url][query]": "item=7",
            "[http][version]": "1.1",
        }),
    );
}

#[test]
fn connections_through_haproxy() {
    legacy(
        "HAPROXYTCP",
        PROXY_TCP,
        json!({
            "syslog_timestamp": "Nov 20 18:56:21", "syslog_server": "lb-1", "program": "haproxy", "pid": "812",
            "client_ip": "192.0.2.7", "client_port": "50011", "accept_date": "20/Nov/2026:18:56:20.945",
            "haproxy_monthday": "20", "haproxy_month": "Nov", "haproxy_year": "2026", "haproxy_time": "18:56:20",
            "haproxy_hour": "18", "haproxy_minute": "56", "haproxy_second": "20", "haproxy_milliseconds": "945",
            "frontend_name": "db", "backend_name": "db", "server_name": "db-2", "time_queue": "0",
            "time_backend_connect": "1", "time_duration": "5007", "bytes_read": "212", "termination_state": "--",
            "actconn": "4", "feconn": "3", "beconn": "2", "srvconn": "1", "retries": "0", "srv_queue": "0",
            "backend_queue": "5",
        }),
    );
    ecs(
        "HAPROXYTCP",
        &PROXY_TCP
            .replace("db/db-2", "db/<NOSRV>")
            .replace("0/1/5007", "0/-1/5007"),
        json!({
            "timestamp": "Nov 20 18:56:21", "[host][hostname]": "lb-1", "[process][name]": "haproxy",
            "[process][pid]": 812, "[source][address]": "192.0.2.7", "[source][port]": 50011,
            "[haproxy][request_date]": "20/Nov/2026:18:56:20.945", "[haproxy][frontend_name]": "db",
            "[haproxy][backend_name]": "db", "[haproxy][total_waiting_time_ms]": 0,
            "[haproxy][total_time_ms]": "5007", "[source][bytes]": 212, "[haproxy][termination_state]": "--",
            "[haproxy][connections][active]": 4, "[haproxy][connections][frontend]": 3,
            "[haproxy][connections][backend]": 2, "[haproxy][connections][server]": 1,
            "[haproxy][connections][retries]": 0, "[haproxy][server_queue]": 0, "[haproxy][backend_queue]": 5,
        }),
    );
}

#[test]
fn requests_through_squid() {
    legacy(
        "SQUID3",
        "1795200981.123    250 192.0.2.7 TCP_MISS/200 4512 GET http://example.org/ - HIER_DIRECT/198.51.100.7 text/html",
        json!({
            "timestamp": "1795200981.123", "duration": "250", "client_address": "192.0.2.7",
            "cache_result": "TCP_MISS", "status_code": "200", "bytes": "4512", "request_method": "GET",
            "url": "http://example.org/", "user": "-", "hierarchy_code": "HIER_DIRECT", "server": "198.51.100.7",
            "content_type": "text/html",
        }),
    );
}

const REQUEST: &str = concat!(
    "Started GET \"/orders/7?full=1\" for 192.0.2.7 at 2026-11-20 18:56:21 +0100\n",
    "Processing by OrdersController#show as HTML\n  Parameters: {\"full\"=>\"1\", \"id\"=>\"7\"}\n",
    "Rendered orders/show (2.1ms)\nCompleted 200 OK in 123ms (Views: 100.2ms | ActiveRecord: 12.5ms)"
);

#[test]
fn requests_of_rails() {
    legacy(
        "RAILS3",
        REQUEST,
        json!({
            "verb": "GET", "request": "/orders/7?full=1", "clientip": "192.0.2.7",
            "timestamp": "2026-11-20 18:56:21 +0100", "controller": "OrdersController", "action": "show",
            "format": "HTML", "params": "\"full\"=>\"1\", \"id\"=>\"7\"", "context": "Rendered orders/show (2.1ms)\n",
            "response": "200", "totalms": "123", "viewms": "100.2", "activerecordms": "12.5",
        }),
    );
    ecs(
        "RAILS3",
        REQUEST,
        json!({
            "[http][request][method]": "GET", "[url][original]": "/orders/7?full=1", "[source][address]": "192.0.2.7",
            "timestamp": "2026-11-20 18:56:21 +0100", "[rails][controller][class]": "OrdersController",
            "[rails][controller][action]": "show", "[rails][request][format]": "HTML",
            "[rails][request][params]": "\"full\"=>\"1\", \"id\"=>\"7\"",
            "[rails][request][explain][original]": "Rendered orders/show (2.1ms)\n",
            "[http][response][status_code]": 200, "[rails][request][duration][total]": 123.0,
            "[rails][request][duration][view]": 100.2, "[rails][request][duration][active_record]": 12.5,
        }),
    );
    legacy(
        "RAILS3FOOT",
        "Completed 404 Not Found in 7ms (ActiveRecord: 0.5ms)",
        json!({ "response": "404", "totalms": "7", "activerecordms": "0.5" }),
    );
}
