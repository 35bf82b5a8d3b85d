/* SPDX-License-Identifier: MIT */
/* The stub resolver on virtual time: what it asks, what it believes, what it keeps, and when it
 * gives up (estab/resolver.h). */
#include "estab/resolver.h"
#include "harness/test.h"

#include "base/bytes.h"
#include "estab/err.h"
#include "wire/dns.h"

#include <string.h>

/* --- both sides --- */

static struct estab_resolver resolver;
static struct estab_resolver_message sent;
static estab_time now;

static struct estab_resolver_config
config_of(unsigned n_servers)
{
    struct estab_resolver_config cfg;

    estab_resolver_config_init(&cfg);
    memset(cfg.secret, 7, sizeof cfg.secret);
    cfg.n_servers = n_servers;
    for (unsigned i = 0; i < n_servers; i++)
        cfg.servers[i] = (struct estab_endpoint){ estab_addr_v4(192, 0, 2, (uint8_t)(53 + i)), 53 };
    return cfg;
}

static void
start(const struct estab_resolver_config *cfg)
{
    now = ESTAB_SEC(1000);
    assert_int_equal(estab_resolver_init(&resolver, cfg), 0);
}

static uint32_t
ask(const char *name, unsigned family)
{
    uint32_t query;

    assert_int_equal(estab_resolver_ask(&resolver, name, family, &query, now), 0);
    return query;
}

static void
expect_datagram_to(unsigned server)
{
    if (!estab_resolver_next_datagram(&resolver, &sent, now))
        fail_msg("%s", "nothing was sent");
    assert_int_equal(sent.to.addr.bytes[3], 53 + server);
    assert_int_equal(sent.to.port, 53);
    assert_true(estab_resolver_expects(&resolver, sent.query, sent.local_port));
}

static void
expect_stream_to(unsigned server)
{
    if (!estab_resolver_next_stream(&resolver, &sent, now))
        fail_msg("%s", "no stream was opened");
    assert_int_equal(sent.to.addr.bytes[3], 53 + server);
    assert_int_equal(get_be16(sent.octets), sent.len - 2);
    memmove(sent.octets, sent.octets + 2, sent.len - 2u);
    sent.len = (uint16_t)(sent.len - 2);
    assert_true(estab_resolver_expects(&resolver, sent.query, 0));
}

static void
expect_quiet(void)
{
    struct estab_resolver_message m;

    assert_false(estab_resolver_next_datagram(&resolver, &m, now));
    assert_false(estab_resolver_next_stream(&resolver, &m, now));
}

static void
expect_asked(const char *name, unsigned type)
{
    struct dns_reader r;
    struct dns_question q;
    struct estab_name want;

    assert_true(estab_dns_name_parse(&want, name));
    assert_true(estab_dns_open(&r, sent.octets, sent.len));
    assert_true(estab_dns_next_question(&r, &q));
    if (!estab_dns_name_equal(&q.name, &want))
        fail_msg("another name than %s was asked", name);
    assert_int_equal(q.type, type);
    assert_int_equal(q.class, DNS_CLASS_IN);
    assert_true(r.header.rd);
}

/* The response being written: the question that was sent, and records. */
struct response {
    uint8_t octets[2048];
    size_t len;
};

static struct response
response(unsigned rcode)
{
    struct response m = { { 0 }, 0 };
    struct dns_reader r;
    struct dns_question q;

    assert_true(estab_dns_open(&r, sent.octets, sent.len));
    assert_true(estab_dns_next_question(&r, &q));
    m.len = r.at;
    memcpy(m.octets, sent.octets, r.at);
    m.octets[2] = 0x81;
    m.octets[3] = (uint8_t)(0x80 | rcode);
    m.octets[11] = 0;
    return m;
}

/* `owner` NULL: the name of the question. Sections in order. */
static void
add(struct response *m, unsigned section, const char *owner, unsigned type, uint32_t ttl,
    const void *data, size_t len)
{
    struct estab_name name;

    if (owner == NULL) {
        put_be16(m->octets + m->len, 0xc00c);
        m->len += 2;
    } else {
        assert_true(estab_dns_name_parse(&name, owner));
        memcpy(m->octets + m->len, name.octets, name.len);
        m->len += name.len;
    }
    put_be16(m->octets + m->len, type);
    put_be16(m->octets + m->len + 2, 1);
    put_be32(m->octets + m->len + 4, ttl);
    put_be16(m->octets + m->len + 8, (uint32_t)len);
    memcpy(m->octets + m->len + 10, data, len);
    m->len += 10 + len;
    m->octets[5 + 2 * section]++;
}

static void
add_a(struct response *m, const char *owner, uint32_t ttl, uint8_t last)
{
    const uint8_t data[] = { 198, 51, 100, last };

    add(m, 1, owner, DNS_A, ttl, data, 4);
}

static void
add_cname(struct response *m, const char *owner, uint32_t ttl, const char *target)
{
    struct estab_name name;

    assert_true(estab_dns_name_parse(&name, target));
    add(m, 1, owner, DNS_CNAME, ttl, name.octets, name.len);
}

static void
add_soa(struct response *m, const char *zone, uint32_t ttl, uint32_t minimum)
{
    uint8_t data[22] = { 0 };

    put_be32(data + 18, minimum);
    add(m, 2, zone, DNS_SOA, ttl, data, sizeof data);
}

static unsigned
arrives(const struct response *m)
{
    return estab_resolver_datagram(&resolver, sent.local_port, &sent.to, m->octets, m->len, now);
}

static void
expect_arrival(const struct response *m, const char *verdict)
{
    assert_string_equal(estab_resolver_verdict_name(arrives(m)), verdict);
}

static bool
arrives_on_stream(const struct response *m)
{
    uint8_t framed[2 + sizeof m->octets];

    put_be16(framed, (uint32_t)m->len);
    memcpy(framed + 2, m->octets, m->len);
    return estab_resolver_stream(&resolver, sent.query, framed, m->len + 2, now);
}

static struct estab_answer
expect_answer(unsigned kind)
{
    struct estab_answer a = { 0 };

    if (!estab_resolver_next_answer(&resolver, &a))
        fail_msg("%s", "no answer");
    assert_string_equal(estab_answer_text(a.kind), estab_answer_text(kind));
    return a;
}

static void
expect_no_answer(void)
{
    struct estab_answer a;

    assert_false(estab_resolver_next_answer(&resolver, &a));
}

static void
time_passes(estab_time by)
{
    now += by;
    estab_resolver_timeouts(&resolver, now);
}

/* A resolver with two servers that has sent its first datagram. */
static void
start_with_query(const char *name)
{
    struct estab_resolver_config cfg = config_of(2);

    start(&cfg);
    (void)ask(name, ESTAB_INET);
    expect_datagram_to(0);
}

/* --- asking --- */

/* RFC 1035 §4.1, §7.1. */
TEST(a_name_is_asked_for_and_its_addresses_are_the_answer)
{
    struct response m;
    struct estab_answer a;

    start_with_query("www.example.org");
    expect_asked("www.example.org", DNS_A);
    expect_quiet();
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    add_a(&m, NULL, 60, 2);
    expect_arrival(&m, "ANSWER");
    a = expect_answer(ESTAB_ANSWER_ADDRS);
    assert_int_equal(a.n, 2);
    assert_int_equal(a.addrs[0].bytes[3], 1);
    assert_int_equal(a.addrs[1].bytes[3], 2);
    assert_int_equal(a.query, sent.query);
    assert_false(estab_resolver_expects(&resolver, sent.query, sent.local_port));
    expect_no_answer();
    assert_int_equal(estab_resolver_deadline(&resolver), ESTAB_NEVER);
}

/* RFC 3596 §2. */
TEST(addresses_of_ipv6_are_asked_for_as_aaaa)
{
    struct estab_resolver_config cfg = config_of(1);
    struct response m;
    struct estab_answer a;
    uint8_t data[16] = { 0x20, 1, 0x0d, 0xb8, [15] = 9 };

    start(&cfg);
    (void)ask("example.org", ESTAB_INET6);
    expect_datagram_to(0);
    expect_asked("example.org", DNS_AAAA);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1); /* not asked for: not taken */
    add(&m, 1, NULL, DNS_AAAA, 60, data, 16);
    expect_arrival(&m, "ANSWER");
    a = expect_answer(ESTAB_ANSWER_ADDRS);
    assert_int_equal(a.n, 1);
    assert_int_equal(a.addrs[0].family, ESTAB_INET6);
    assert_int_equal(a.addrs[0].bytes[15], 9);
}

/* RFC 6891 §6.2.5 and the size that needs no fragments. */
TEST(a_query_says_1232_octets)
{
    start_with_query("example.org");
    assert_int_equal(get_be16(sent.octets + sent.len - 8), 1232);
    assert_int_equal(get_be16(sent.octets + sent.len - 10), DNS_OPT);
}

/* RFC 5452 §9.2: ID and port must not be guessed from earlier ones; case is the third secret. */
TEST(id_port_and_case_differ_from_query_to_query)
{
    struct estab_resolver_config cfg = config_of(1);
    unsigned ids = 0, ports = 0, cases = 0;
    struct estab_resolver_message last = { 0 };

    cfg.attempts = 8;
    start(&cfg);
    for (unsigned i = 0; i < 10; i++) {
        uint32_t query = ask("a-name-of-letters.example.org", ESTAB_INET);

        expect_datagram_to(0);
        ids += get_be16(sent.octets) != get_be16(last.octets);
        ports += sent.local_port != last.local_port;
        cases += memcmp(sent.octets + 12, last.octets + 12, 20) != 0;
        assert_true(sent.local_port >= 1024);
        last = sent;
        estab_resolver_cancel(&resolver, query, now);
    }
    assert_int_equal(ids, 10);
    assert_int_equal(ports, 10);
    assert_int_equal(cases, 10);
}

/* The same secret and inputs give the same octets; another secret gives others. */
TEST(the_secret_decides_everything)
{
    struct estab_resolver_config cfg = config_of(1);
    struct estab_resolver_message first;

    start(&cfg);
    (void)ask("example.org", ESTAB_INET);
    expect_datagram_to(0);
    first = sent;
    start(&cfg);
    (void)ask("example.org", ESTAB_INET);
    expect_datagram_to(0);
    assert_memory_equal(first.octets, sent.octets, sent.len);
    assert_int_equal(first.local_port, sent.local_port);
    cfg.secret[3] = 8;
    start(&cfg);
    (void)ask("example.org", ESTAB_INET);
    expect_datagram_to(0);
    assert_int_not_equal(get_be16(first.octets), get_be16(sent.octets));
}

TEST(an_all_zero_secret_is_refused)
{
    struct estab_resolver_config cfg = config_of(1);

    memset(cfg.secret, 0, sizeof cfg.secret);
    assert_int_equal(estab_resolver_init(&resolver, &cfg), -ESTAB_EINVAL);
    cfg = config_of(1);
    cfg.port_min = 0;
    assert_int_equal(estab_resolver_init(&resolver, &cfg), -ESTAB_EINVAL);
}

TEST(a_port_in_use_is_replaced)
{
    uint16_t taken;

    start_with_query("example.org");
    taken = sent.local_port;
    estab_resolver_port_taken(&resolver, sent.query);
    assert_false(estab_resolver_expects(&resolver, sent.query, taken));
    expect_datagram_to(0);
    assert_int_not_equal(sent.local_port, taken);
}

/* --- believing --- */

/* RFC 5452 §9.1: each part that does not match, alone. */
TEST(only_the_answer_to_what_was_asked_is_believed)
{
    struct response good, m;
    struct estab_endpoint other;

    start_with_query("example.org");
    good = response(DNS_NOERROR);
    add_a(&good, NULL, 60, 1);

    other = sent.to;
    other.addr.bytes[3]++;
    assert_int_equal(
        estab_resolver_datagram(&resolver, sent.local_port, &other, good.octets, good.len, now),
        ESTAB_RESOLVER_DROP_SERVER);
    other = sent.to;
    other.port = 5353;
    assert_int_equal(
        estab_resolver_datagram(&resolver, sent.local_port, &other, good.octets, good.len, now),
        ESTAB_RESOLVER_DROP_SERVER);
    assert_int_equal(estab_resolver_datagram(&resolver, (uint16_t)(sent.local_port ^ 1), &sent.to,
                                             good.octets, good.len, now),
                     ESTAB_RESOLVER_DROP_NO_QUERY);
    m = good;
    m.octets[1] ^= 1;
    expect_arrival(&m, "DROP_ID");
    m = good;
    m.octets[2] &= 0x7f;
    expect_arrival(&m, "DROP_NO_RESPONSE");
    m = good;
    m.octets[2] |= 2 << 3;
    expect_arrival(&m, "DROP_NO_RESPONSE");
    m = good;
    m.octets[13] ^= 3; /* the first letter */
    expect_arrival(&m, "DROP_QUESTION");
    m = good;
    m.octets[12 + 13 + 1] = DNS_AAAA;
    expect_arrival(&m, "DROP_QUESTION");
    m = good;
    m.octets[12 + 13 + 3] = 3;
    expect_arrival(&m, "DROP_QUESTION");
    m = good;
    m.octets[5] = 0;
    expect_arrival(&m, "DROP_QUESTION");
    m = good;
    m.len = 11;
    expect_arrival(&m, "DROP_SHORT");
    expect_no_answer();
    expect_quiet();
    expect_arrival(&good, "ANSWER");
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).n, 1);
}

/* The letters of the name come back as they were sent, or TCP is asked, where nobody can forge. */
TEST(an_answer_in_other_letters_is_asked_again_over_tcp)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 66);
    m.octets[13] ^= 0x20;
    expect_arrival(&m, "DROP_CASE");
    expect_no_answer();
    expect_stream_to(0);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    m.octets[13] ^= 0x20; /* over TCP it does not matter: RFC 4343 */
    assert_true(arrives_on_stream(&m));
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[3], 1);
}

TEST(mixed_case_can_be_switched_off)
{
    struct estab_resolver_config cfg = config_of(1);

    cfg.mixed_case = false;
    start(&cfg);
    (void)ask("Example.org", ESTAB_INET);
    expect_datagram_to(0);
    assert_memory_equal(sent.octets + 12, "\7Example\3org", 13);
}

/* RFC 5452 §9.3: who guesses IDs gets 16 guesses, then the question leaves for TCP. */
TEST(a_rain_of_wrong_ids_moves_the_question_to_tcp)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 66);
    for (unsigned i = 0; i < 15; i++) {
        put_be16(m.octets, get_be16(m.octets) + 1u);
        expect_arrival(&m, "DROP_ID");
        expect_quiet();
    }
    put_be16(m.octets, get_be16(m.octets) + 1u);
    expect_arrival(&m, "DROP_ID");
    expect_stream_to(0);
    expect_no_answer();
}

/* RFC 5452 §5: asking twice at once would double what a forger can hit. */
TEST(the_same_question_is_on_its_way_once)
{
    struct response m;
    struct estab_answer a, b;
    uint32_t second;

    start_with_query("example.org");
    second = ask("EXAMPLE.org", ESTAB_INET);
    expect_quiet();
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    expect_arrival(&m, "ANSWER");
    a = expect_answer(ESTAB_ANSWER_ADDRS);
    b = expect_answer(ESTAB_ANSWER_ADDRS);
    assert_true((a.query == second) != (b.query == second));
    assert_int_equal(b.n, 1);
}

TEST(a_follower_asks_itself_when_its_leader_is_cancelled)
{
    uint32_t first;

    start_with_query("example.org");
    first = sent.query;
    (void)ask("example.org", ESTAB_INET);
    (void)ask("example.org", ESTAB_INET);
    expect_quiet();
    estab_resolver_cancel(&resolver, first, now);
    expect_datagram_to(0);
    assert_int_not_equal(sent.query, first);
    expect_quiet();
    time_passes(ESTAB_SEC(100));
    for (unsigned i = 0; i < 5; i++) {
        expect_datagram_to((i + 1) % 2);
        time_passes(ESTAB_SEC(100));
    }
    (void)expect_answer(ESTAB_ANSWER_TIMED_OUT);
    (void)expect_answer(ESTAB_ANSWER_TIMED_OUT);
    expect_no_answer();
}

/* What an answer says about other names is nobody's business: not taken, not kept. */
TEST(records_of_other_names_are_ignored)
{
    struct response m;
    const uint8_t evil[] = { 203, 0, 113, 66 };

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add_a(&m, "bank.example", 6000, 66);
    add_a(&m, NULL, 60, 1);
    add(&m, 3, "bank.example", DNS_A, 6000, evil, 4);
    expect_arrival(&m, "ANSWER");
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).n, 1);
    (void)ask("bank.example", ESTAB_INET);
    expect_datagram_to(0);
    expect_asked("bank.example", DNS_A);
}

TEST(a_broken_record_discredits_the_server)
{
    struct response m;
    const uint8_t short_addr[] = { 1, 2, 3 };

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    m.len -= 2;
    expect_arrival(&m, "MALFORMED");
    expect_datagram_to(1);
    m = response(DNS_NOERROR);
    add(&m, 1, NULL, DNS_A, 60, short_addr, 3);
    expect_arrival(&m, "MALFORMED");
    expect_datagram_to(0);
    expect_no_answer();
}

TEST(at_most_sixteen_addresses_are_taken_each_once)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    for (unsigned i = 0; i < 40; i++)
        add_a(&m, NULL, 60, (uint8_t)(i / 2));
    expect_arrival(&m, "ANSWER");
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).n, ESTAB_RESOLVER_ADDRS);
}

/* --- aliases --- */

/* RFC 1034 §3.6.2, in any order of the records. */
TEST(aliases_are_followed_within_a_message)
{
    struct response m;

    start_with_query("www.example.org");
    m = response(DNS_NOERROR);
    add_a(&m, "c.example.org", 60, 1);
    add_cname(&m, "b.example.org", 60, "C.example.org");
    add_cname(&m, NULL, 60, "b.example.org");
    expect_arrival(&m, "ANSWER");
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[3], 1);
}

/* RFC 1034 §5.2.2: what the server did not follow is asked for. */
TEST(an_alias_without_its_target_is_asked_for)
{
    struct response m;

    start_with_query("www.example.org");
    m = response(DNS_NOERROR);
    add_cname(&m, NULL, 60, "other.example.net");
    expect_arrival(&m, "ALIAS");
    expect_datagram_to(0);
    expect_asked("other.example.net", DNS_A);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 5);
    expect_arrival(&m, "ANSWER");
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[3], 5);
}

TEST(a_ring_of_aliases_ends)
{
    struct response m;

    start_with_query("a.example");
    m = response(DNS_NOERROR);
    add_cname(&m, NULL, 60, "b.example");
    add_cname(&m, "b.example", 60, "a.example");
    expect_arrival(&m, "MALFORMED");
    (void)expect_answer(ESTAB_ANSWER_FAILED);

    start_with_query("a.example");
    for (unsigned i = 0; i < 16; i++) {
        m = response(DNS_NOERROR);
        add_cname(&m, NULL, 60, i % 2 == 0 ? "b.example" : "a.example");
        expect_arrival(&m, "ALIAS");
        expect_datagram_to(0);
    }
    m = response(DNS_NOERROR);
    add_cname(&m, NULL, 60, "b.example");
    expect_arrival(&m, "MALFORMED");
    (void)expect_answer(ESTAB_ANSWER_FAILED);
    expect_quiet();
}

/* --- no --- */

/* RFC 2308 §2.1, §5. */
TEST(a_name_that_does_not_exist_is_kept_as_long_as_the_soa_says)
{
    struct response m;

    start_with_query("nx.example.org.");
    m = response(DNS_NXDOMAIN);
    add_soa(&m, "example.org", 300, 30);
    expect_arrival(&m, "NEGATIVE");
    (void)expect_answer(ESTAB_ANSWER_NO_NAME);
    time_passes(ESTAB_SEC(29));
    (void)ask("nx.example.org.", ESTAB_INET);
    expect_quiet();
    (void)expect_answer(ESTAB_ANSWER_NO_NAME);
    time_passes(ESTAB_SEC(1));
    (void)ask("nx.example.org.", ESTAB_INET);
    expect_datagram_to(0);
}

/* RFC 2308 §2.2: the name is there, the address is not. */
TEST(a_name_without_address_is_not_a_name_that_is_not)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add_soa(&m, "org", 300, 30);
    expect_arrival(&m, "NEGATIVE");
    (void)expect_answer(ESTAB_ANSWER_NO_ADDRESS);
}

/* RFC 2308 §5: without SOA it is not kept; nor when the SOA is of a zone the name is not in. */
TEST(no_without_a_soa_of_its_zone_is_not_kept)
{
    struct response m;

    start_with_query("nx.example.org");
    m = response(DNS_NXDOMAIN);
    add_soa(&m, "example.net", 300, 30);
    expect_arrival(&m, "NEGATIVE");
    (void)expect_answer(ESTAB_ANSWER_NO_NAME);
    (void)ask("nx.example.org", ESTAB_INET);
    expect_datagram_to(0);
}

/* --- keeping --- */

TEST(an_answer_is_kept_for_its_ttl)
{
    struct response m;

    start_with_query("www.example.org");
    m = response(DNS_NOERROR);
    add_cname(&m, NULL, 20, "b.example.org");
    add_a(&m, "b.example.org", 60, 1);
    expect_arrival(&m, "ANSWER");
    assert_false(expect_answer(ESTAB_ANSWER_ADDRS).cached);
    time_passes(ESTAB_SEC(20) - 1);
    (void)ask("WWW.example.org", ESTAB_INET);
    assert_true(expect_answer(ESTAB_ANSWER_ADDRS).cached);
    /* Only the family that was asked for. */
    (void)ask("www.example.org", ESTAB_INET6);
    expect_datagram_to(0);
    time_passes(1);
    (void)ask("www.example.org", ESTAB_INET);
    expect_datagram_to(0);
}

TEST(a_ttl_of_zero_is_not_kept_and_a_long_one_is_cut)
{
    struct estab_resolver_config cfg = config_of(1);
    struct response m;

    cfg.ttl_max = 100;
    start(&cfg);
    (void)ask("a.example", ESTAB_INET);
    expect_datagram_to(0);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 0, 1);
    expect_arrival(&m, "ANSWER");
    (void)expect_answer(ESTAB_ANSWER_ADDRS);
    (void)ask("a.example", ESTAB_INET);
    expect_datagram_to(0);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 1000000, 1);
    expect_arrival(&m, "ANSWER");
    (void)expect_answer(ESTAB_ANSWER_ADDRS);
    time_passes(ESTAB_SEC(100));
    (void)ask("a.example", ESTAB_INET);
    expect_datagram_to(0);
}

/* 65 names in a cache of 64: the one that would have ended first makes room. */
TEST(the_cache_is_bounded)
{
    struct estab_resolver_config cfg = config_of(1);
    struct response m;
    char name[32];

    start(&cfg);
    for (unsigned i = 0; i <= ESTAB_RESOLVER_CACHE; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        (void)ask(name, ESTAB_INET);
        expect_datagram_to(0);
        m = response(DNS_NOERROR);
        add_a(&m, NULL, 1000 + i, (uint8_t)i);
        expect_arrival(&m, "ANSWER");
        (void)expect_answer(ESTAB_ANSWER_ADDRS);
    }
    (void)ask("n1.example", ESTAB_INET);
    assert_true(expect_answer(ESTAB_ANSWER_ADDRS).cached);
    (void)ask("n0.example", ESTAB_INET);
    expect_datagram_to(0);
}

/* --- silence and failure --- */

/* RFC 1035 §4.2.1, RFC 1123 §6.1.3.3: every server in turn, then twice as patient. */
TEST(silence_goes_round_the_servers_with_growing_patience)
{
    start_with_query("example.org");
    for (unsigned i = 1; i < 6; i++) {
        estab_time patience = ESTAB_SEC(2) << (i - 1) / 2;
        uint16_t id = get_be16(sent.octets);

        assert_int_equal(estab_resolver_deadline(&resolver), now + patience);
        time_passes(patience - 1);
        expect_quiet();
        time_passes(1);
        expect_datagram_to(i % 2);
        assert_int_not_equal(get_be16(sent.octets), id);
    }
    time_passes(ESTAB_SEC(8));
    expect_quiet();
    (void)expect_answer(ESTAB_ANSWER_TIMED_OUT);
    assert_int_equal(estab_resolver_deadline(&resolver), ESTAB_NEVER);
}

TEST(an_answer_to_an_earlier_try_is_too_late)
{
    struct response late;
    struct estab_resolver_message first;

    start_with_query("example.org");
    first = sent;
    late = response(DNS_NOERROR);
    add_a(&late, NULL, 60, 1);
    time_passes(ESTAB_SEC(2));
    expect_datagram_to(1);
    assert_int_equal(
        estab_resolver_datagram(&resolver, first.local_port, &first.to, late.octets, late.len, now),
        ESTAB_RESOLVER_DROP_NO_QUERY);
    assert_false(estab_resolver_expects(&resolver, first.query, first.local_port));
}

TEST(a_server_that_cannot_answer_is_left_for_the_next)
{
    static const unsigned rcodes[] = { DNS_SERVFAIL, DNS_REFUSED, 9, 15 };
    struct response m;

    for (unsigned i = 0; i < 4; i++) {
        start_with_query("example.org");
        m = response(rcodes[i]);
        expect_arrival(&m, "SERVER_FAILED");
        expect_datagram_to(1);
        expect_no_answer();
    }
    for (unsigned i = 1; i < 6; i++) {
        m = response(DNS_SERVFAIL);
        expect_arrival(&m, "SERVER_FAILED");
        if (i < 5)
            expect_datagram_to((i + 1) % 2);
    }
    (void)expect_answer(ESTAB_ANSWER_FAILED);
}

/* RFC 2308 §2.2: a referral is no answer of a server that should have looked further. */
TEST(a_referral_is_no_answer)
{
    struct response m;
    const uint8_t ns[] = { 1, 'n', 0 };

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    m.octets[3] &= 0x7f;
    add(&m, 2, "org", DNS_NS, 60, ns, sizeof ns);
    expect_arrival(&m, "SERVER_FAILED");
    expect_datagram_to(1);
}

/* RFC 6891 §7. */
TEST(a_server_without_edns_is_asked_without)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_FORMERR);
    m.octets[5] = 0;
    m.len = 12;
    expect_arrival(&m, "NO_EDNS");
    expect_datagram_to(0);
    assert_int_equal(sent.octets[11], 0);
    m = response(DNS_FORMERR);
    expect_arrival(&m, "SERVER_FAILED");
    expect_datagram_to(1);
    assert_int_equal(sent.octets[11], 1);
}

/* RFC 6891 §6.1.3: an error that stands in the OPT record. */
TEST(an_extended_error_is_an_error)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    add(&m, 3, ".", DNS_OPT, 1u << 24, "", 0);
    expect_arrival(&m, "SERVER_FAILED");
    expect_datagram_to(1);
}

TEST(the_server_that_answered_is_asked_first_next_time)
{
    struct response m;

    start_with_query("example.org");
    time_passes(ESTAB_SEC(2));
    expect_datagram_to(1);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    expect_arrival(&m, "ANSWER");
    (void)expect_answer(ESTAB_ANSWER_ADDRS);
    (void)ask("b.example", ESTAB_INET);
    expect_datagram_to(1);
}

TEST(an_unreachable_server_is_left_at_once)
{
    start_with_query("example.org");
    estab_resolver_failed(&resolver, sent.query, now);
    expect_datagram_to(1);
}

/* --- streams --- */

/* RFC 7766 §5, RFC 2181 §9: nothing of what was cut off is used. */
TEST(a_cut_answer_is_asked_again_over_tcp)
{
    struct response m;
    uint16_t id;

    start_with_query("example.org");
    id = get_be16(sent.octets);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 66);
    m.octets[2] |= 2;
    expect_arrival(&m, "TRUNCATED");
    expect_no_answer();
    expect_stream_to(0);
    assert_int_not_equal(get_be16(sent.octets), id);
    assert_int_equal(estab_resolver_deadline(&resolver), now + ESTAB_SEC(5));
    m = response(DNS_NOERROR);
    for (unsigned i = 0; i < 10; i++)
        add_a(&m, NULL, 60, (uint8_t)i);
    assert_true(arrives_on_stream(&m));
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).n, 10);
    assert_false(estab_resolver_expects(&resolver, sent.query, 0));
}

/* RFC 7766 §8: the answer comes in whatever pieces. */
TEST(a_stream_is_read_when_its_message_is_whole)
{
    struct response m;
    uint8_t framed[600];

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    m.octets[2] |= 2;
    expect_arrival(&m, "TRUNCATED");
    expect_stream_to(0);
    m = response(DNS_NOERROR);
    add_a(&m, NULL, 60, 1);
    put_be16(framed, (uint32_t)m.len);
    memcpy(framed + 2, m.octets, m.len);
    for (size_t len = 0; len < m.len + 2; len++)
        assert_false(estab_resolver_stream(&resolver, sent.query, framed, len, now));
    assert_true(estab_resolver_stream(&resolver, sent.query, framed, m.len + 2, now));
    (void)expect_answer(ESTAB_ANSWER_ADDRS);
}

TEST(nonsense_on_a_stream_leads_to_the_next_server)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    m.octets[2] |= 2;
    expect_arrival(&m, "TRUNCATED");
    expect_stream_to(0);
    m = response(DNS_NOERROR);
    m.octets[0] ^= 1;
    assert_true(arrives_on_stream(&m));
    expect_datagram_to(1);
}

TEST(a_stream_that_fails_or_stays_silent_leads_to_the_next_server)
{
    struct response m;

    start_with_query("example.org");
    m = response(DNS_NOERROR);
    m.octets[2] |= 2;
    expect_arrival(&m, "TRUNCATED");
    expect_stream_to(0);
    estab_resolver_failed(&resolver, sent.query, now);
    expect_datagram_to(1);
    m = response(DNS_NOERROR);
    m.octets[2] |= 2;
    expect_arrival(&m, "TRUNCATED");
    expect_stream_to(1);
    time_passes(ESTAB_SEC(5));
    expect_datagram_to(0);
}

/* --- without a server --- */

TEST(the_hosts_table_comes_first)
{
    struct estab_resolver_config cfg = config_of(1);
    struct estab_host_entry hosts[2] = { { .addr = estab_addr_v4(10, 0, 0, 7) },
                                         { .addr = estab_addr_v4(10, 0, 0, 8) } };

    assert_true(estab_name_parse(&hosts[0].name, "box"));
    assert_true(estab_name_parse(&hosts[1].name, "box"));
    cfg.hosts = hosts;
    cfg.n_hosts = 2;
    start(&cfg);
    (void)ask("BOX", ESTAB_INET);
    expect_quiet();
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).n, 2);
    (void)ask("box", ESTAB_INET6);
    expect_quiet();
    (void)expect_answer(ESTAB_ANSWER_NO_ADDRESS);
    (void)ask("box2", ESTAB_INET);
    expect_datagram_to(0);
}

/* RFC 6761 §6.3. */
TEST(localhost_never_leaves_the_host)
{
    struct estab_resolver_config cfg = config_of(1);

    start(&cfg);
    (void)ask("localhost", ESTAB_INET);
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[0], 127);
    (void)ask("x.LocalHost.", ESTAB_INET6);
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[15], 1);
    expect_quiet();
    (void)ask("notlocalhost", ESTAB_INET);
    expect_datagram_to(0);
}

TEST(an_address_is_its_own_answer)
{
    struct estab_resolver_config cfg = config_of(1);

    start(&cfg);
    (void)ask("192.0.2.1", ESTAB_INET);
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[3], 1);
    (void)ask("192.0.2.1", ESTAB_INET6);
    (void)expect_answer(ESTAB_ANSWER_NO_ADDRESS);
    (void)ask("2001:db8::5", ESTAB_INET6);
    assert_int_equal(expect_answer(ESTAB_ANSWER_ADDRS).addrs[0].bytes[15], 5);
    expect_quiet();
}

TEST(without_a_server_a_name_fails_at_once)
{
    struct estab_resolver_config cfg = config_of(0);

    start(&cfg);
    (void)ask("example.org", ESTAB_INET);
    (void)expect_answer(ESTAB_ANSWER_NO_SERVER);
}

/* --- searching --- */

/* RFC 1123 §6.1.4.3: a short name is looked for in our domains, a whole one first as it is. */
TEST(short_names_are_searched_for)
{
    struct estab_resolver_config cfg = config_of(1);
    struct response m;

    assert_true(estab_name_parse(&cfg.search[0], "corp.example"));
    assert_true(estab_name_parse(&cfg.search[1], "example"));
    cfg.n_search = 2;
    start(&cfg);
    (void)ask("www", ESTAB_INET);
    expect_datagram_to(0);
    expect_asked("www.corp.example", DNS_A);
    m = response(DNS_NXDOMAIN);
    expect_arrival(&m, "NEGATIVE");
    expect_datagram_to(0);
    expect_asked("www.example", DNS_A);
    m = response(DNS_NOERROR); /* there, but without an address */
    expect_arrival(&m, "NEGATIVE");
    expect_datagram_to(0);
    expect_asked("www", DNS_A);
    m = response(DNS_NXDOMAIN);
    expect_arrival(&m, "NEGATIVE");
    (void)expect_answer(ESTAB_ANSWER_NO_ADDRESS);

    (void)ask("a.b", ESTAB_INET);
    expect_datagram_to(0);
    expect_asked("a.b", DNS_A);
    m = response(DNS_NXDOMAIN);
    expect_arrival(&m, "NEGATIVE");
    expect_datagram_to(0);
    expect_asked("a.b.corp.example", DNS_A);

    (void)ask("c.", ESTAB_INET);
    expect_datagram_to(0);
    expect_asked("c", DNS_A);
    m = response(DNS_NXDOMAIN);
    expect_arrival(&m, "NEGATIVE");
    (void)expect_answer(ESTAB_ANSWER_NO_NAME);
}

/* --- limits and misuse --- */

TEST(a_seventeenth_query_is_refused)
{
    struct estab_resolver_config cfg = config_of(1);
    char name[32];
    uint32_t query;

    start(&cfg);
    for (unsigned i = 0; i < ESTAB_RESOLVER_QUERIES; i++) {
        snprintf(name, sizeof name, "n%u.example", i);
        (void)ask(name, ESTAB_INET);
    }
    assert_int_equal(estab_resolver_ask(&resolver, "x", ESTAB_INET, &query, now), -ESTAB_ENOBUFS);
}

TEST(what_is_no_name_is_refused)
{
    struct estab_resolver_config cfg = config_of(1);
    uint32_t query;

    start(&cfg);
    assert_int_equal(estab_resolver_ask(&resolver, "a b", ESTAB_INET, &query, now), -ESTAB_EINVAL);
    assert_int_equal(estab_resolver_ask(&resolver, "", ESTAB_INET, &query, now), -ESTAB_EINVAL);
    assert_int_equal(estab_resolver_ask(&resolver, "a", ESTAB_UNSPEC, &query, now), -ESTAB_EINVAL);
}

TEST(a_number_of_a_query_that_is_over_names_nothing)
{
    uint32_t old;

    start_with_query("example.org");
    old = sent.query;
    estab_resolver_cancel(&resolver, old, now);
    expect_no_answer();
    expect_quiet();
    (void)ask("b.example", ESTAB_INET);
    estab_resolver_failed(&resolver, old, now);
    estab_resolver_port_taken(&resolver, old);
    estab_resolver_cancel(&resolver, old, now);
    expect_datagram_to(0);
    expect_asked("b.example", DNS_A);
}
