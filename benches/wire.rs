//! What the wire costs: decoding requests, and writing replies by meaning.
//!
//! `cargo bench --bench wire`
use bytes::BytesMut;
use callboard::resp::{Decoder, Limits, Protocol, Reply, decode::Decoded};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use std::hint::black_box;

const LIMITS: Limits = Limits { bulk_bytes: 512 << 20, authenticated: true };
const REQUESTS: usize = 16;

fn pipeline(line: &[&str]) -> Vec<u8> {
    let mut one = format!("*{}\r\n", line.len()).into_bytes();
    for word in line {
        one.extend_from_slice(format!("${}\r\n{word}\r\n", word.len()).as_bytes());
    }
    one.repeat(REQUESTS)
}

fn decode(c: &mut Criterion) {
    let mut group = c.benchmark_group("decode");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    let ten: Vec<String> = (0..20).map(|n| format!("word:{n:010}")).collect();
    let mset: Vec<&str> = std::iter::once("MSET").chain(ten.iter().map(String::as_str)).collect();
    for (name, line) in [
        ("get", &["GET", "key:000000000001"][..]),
        ("set", &["SET", "key:000000000001", "xxxxxxxxxxxxxxxx"]),
        ("mset10", &mset),
    ] {
        let bytes = pipeline(line);
        group.bench_function(name, |b| {
            b.iter_batched(
                || BytesMut::from(&bytes[..]),
                |mut buffer| {
                    let mut decoder = Decoder::default();
                    while let Ok(Decoded::Request(request)) = decoder.decode(&mut buffer, LIMITS, false) {
                        black_box(request);
                    }
                    buffer
                },
                BatchSize::SmallInput,
            )
        });
    }
    group.finish();
}

fn write(c: &mut Criterion) {
    let mut group = c.benchmark_group("reply");
    group.throughput(Throughput::Elements(REQUESTS as u64));
    type Case = (&'static str, fn(&mut Reply));
    let cases: &[Case] = &[
        ("ok", |reply| reply.ok()),
        ("integer", |reply| reply.integer(123_456)),
        ("bulk16", |reply| reply.bulk(b"xxxxxxxxxxxxxxxx")),
        ("double", |reply| reply.double(1234.5678)),
        ("map of 2", |reply| {
            reply.map(2);
            (0..4).for_each(|_| reply.bulk(b"field"));
        }),
    ];
    for (name, write) in cases {
        for protocol in [Protocol::Resp2, Protocol::Resp3] {
            let mut reply = Reply::new(protocol);
            group.bench_function(format!("{name} {protocol:?}"), |b| {
                b.iter(|| {
                    reply.truncate(0);
                    (0..REQUESTS).for_each(|_| write(black_box(&mut reply)));
                    black_box(reply.position())
                })
            });
        }
    }
    group.finish();
}

criterion_group!(benches, decode, write);
criterion_main!(benches);
