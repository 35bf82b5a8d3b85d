/* SPDX-License-Identifier: MIT */
/* Echo requests of our own: RFC 792, RFC 1122 §3.2.2.6, RFC 4443 §4. Each test runs over IPv4 and IPv6. */
#include "stack/datagram.h"

#include "drivers/alloc.h"
#include "ip/paths.h"

#define REQUEST V4(8, 128)
#define REPLY V4(0, 129)
#define UNREACHABLE V4(3, 1)
#define TIME_EXCEEDED V4(11, 3)
#define TOO_BIG_TYPE V4(3, 2)
#define TOO_BIG_CODE V4(4, 0)
#define MOST (peer_family == 4 ? 65507u : 65527u)

static uint8_t data[70000];

static estab_echo
user_opens_echo(struct peer *p, const struct estab_echo_options *opt)
{
    estab_echo e = 0;

    fill(data, sizeof(data));
    assert_int_equal(estab_echo_open(p->stack, peer_family, opt, &e, p->now), 0);
    p->conn = e; /* its events are the test's */
    return e;
}

static int
user_pings(struct peer *p, estab_echo e, uint16_t seq, uint32_t len)
{
    int err = estab_echo_send(p->stack, e, &p->them.addr, seq, data, len, p->now);

    time_passes(p, 0);
    return err;
}

static struct estab_echo_status
status_of(struct peer *p, estab_echo e)
{
    struct estab_echo_status st;

    assert_int_equal(estab_echo_status(p->stack, e, &st), 0);
    return st;
}

/* The request that was sent next, its checksum verified: its IP header. */
static struct ip_header
takes_request(struct peer *p, estab_echo e, uint16_t seq, uint32_t len)
{
    struct captured *c = peer_takes(p);
    struct icmp_message m;
    struct ip_header ip;

    assert_int_equal(estab_ip_parse(&ip, c->packet, c->packet_len, false), ESTAB_SEG_NONE);
    assert_int_equal(ip.proto, ICMP_PROTO);
    assert_int_equal(estab_icmp_parse(&m, &ip), ESTAB_SEG_NONE);
    assert_int_equal(m.type, REQUEST);
    assert_int_equal(m.code, 0);
    assert_int_equal(get_be16(m.body), status_of(p, e).id);
    assert_int_equal(get_be16(m.body + 2), seq);
    assert_int_equal(m.body_len, 4 + len);
    assert_memory_equal(m.body + 4, data, len);
    assert_int_equal(c->reason, ESTAB_WHY_ECHO_REQUEST);
    return ip;
}

static void
peer_replies(struct peer *p, uint16_t id, uint16_t seq, const void *text, uint32_t len)
{
    peer_sends_icmp_message(p, (uint8_t)REPLY, 0, (uint32_t)id << 16 | seq, text, len);
}

static ptrdiff_t
user_reads(struct peer *p, estab_echo e, struct estab_echo_message *m)
{
    static uint8_t buf[70000];

    return estab_echo_receive(p->stack, e, m, buf, sizeof(buf), p->now);
}

/* An endpoint that has sent one request of 56 octets with number 1. */
static estab_echo
has_pinged(struct peer *p, const struct estab_echo_options *opt)
{
    estab_echo e = user_opens_echo(p, opt);

    assert_int_equal(user_pings(p, e, 1, 56), 0);
    (void)takes_request(p, e, 1, 56);
    return e;
}

TEST(a_request_has_identifier_number_data_and_what_the_options_say)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    struct ip_header ip;
    estab_echo e;

    estab_echo_options_init(&opt);
    e = user_opens_echo(p, &opt);
    assert_int_equal(user_pings(p, e, 7, 56), 0);
    ip = takes_request(p, e, 7, 56);
    assert_int_equal(ip.ttl, 64);
    assert_int_equal(ip.tos, 0);
    assert_memory_equal(ip.src, p->us.addr.bytes, ADDR_LEN);
    assert_memory_equal(ip.dst, p->them.addr.bytes, ADDR_LEN);
    opt.ttl = 3;
    opt.dscp = 46;
    opt.local = p->us.addr;
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
    assert_int_equal(user_pings(p, e, 8, 0), 0);
    ip = takes_request(p, e, 8, 0);
    assert_int_equal(ip.ttl, 3);
    assert_int_equal(ip.tos, 46 << 2);
    assert_int_equal(status_of(p, e).sent, 2);
    peer_done(p);
}

TEST(a_reply_is_told_with_its_ttl_and_its_time)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    struct estab_echo_message m;
    uint8_t buf[100];
    estab_time sent = p->now;

    assert_int_equal(user_reads(p, e, &m), -ESTAB_EAGAIN);
    expect_no_event(p);
    time_passes(p, MS(25));
    peer_replies(p, status_of(p, e).id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    expect_event(p, ESTAB_READABLE);
    time_passes(p, MS(5));
    assert_int_equal(estab_echo_receive(p->stack, e, &m, buf, sizeof(buf), p->now), 56);
    assert_memory_equal(buf, data, 56);
    assert_int_equal(m.kind, ESTAB_ECHO_REPLY);
    assert_int_equal(m.seq, 1);
    assert_int_equal(m.ttl, 64);
    assert_int_equal(m.len, 56);
    assert_int_equal(m.ifindex, 1);
    assert_int_equal(m.sent_at, sent);
    assert_int_equal(m.received_at - m.sent_at, MS(25));
    assert_true(estab_addr_equal(&m.from, &p->them.addr));
    assert_true(estab_addr_equal(&m.to, &p->them.addr));
    assert_true(estab_addr_equal(&m.local, &p->us.addr));
    assert_false(m.duplicate || m.altered);
    assert_int_equal(user_reads(p, e, &m), -ESTAB_EAGAIN);
    assert_int_equal(status_of(p, e).replies, 1);
    peer_done(p);
}

/* Identifier, number and both addresses must be those of a request; who cannot see it cannot answer. */
TEST(a_reply_to_nothing_that_was_asked_is_dropped)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    uint16_t id = status_of(p, e).id;
    struct estab_endpoint them = p->them;
    struct estab_echo_message m;

    for (unsigned i = 0; i < 65536; i++) {
        if (i == id)
            continue;
        peer_replies(p, (uint16_t)i, 1, data, 56);
        expect_verdict(p, DROP_ECHO_UNASKED);
    }
    for (unsigned i = 0; i < 65536; i++) {
        if (i == 1)
            continue;
        peer_replies(p, id, (uint16_t)i, data, 56);
        expect_verdict(p, DROP_ECHO_UNASKED);
    }
    p->them.addr.bytes[ADDR_LEN - 1] ^= 1; /* from somebody else */
    peer_replies(p, id, 1, data, 56);
    expect_verdict(p, DROP_ECHO_UNASKED);
    p->them = them;
    expect_no_event(p);
    assert_int_equal(user_reads(p, e, &m), -ESTAB_EAGAIN);
    /* and the right one is still taken */
    peer_replies(p, id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    assert_int_equal(estab_echo_close(p->stack, e, p->now), 0);
    peer_replies(p, id, 1, data, 56);
    expect_verdict(p, DROP_ECHO_UNASKED);
    peer_done(p);
}

/* A request leaves from one address; a reply to another of ours is not its. */
TEST(a_reply_to_another_address_of_ours_is_dropped)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    struct estab_endpoint us = p->us;

    p->us.addr.bytes[ADDR_LEN - 1] = 77;
    assert_int_equal(estab_stack_add_address(p->stack, 1, &p->us.addr, V4(24, 64)), 0);
    peer_replies(p, status_of(p, e).id, 1, data, 56);
    expect_verdict(p, DROP_ECHO_UNASKED);
    p->us = us;
    peer_replies(p, status_of(p, e).id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    peer_done(p);
}

/* Replies of each length, cut off anywhere, with a length in the header that is not theirs: what is not whole is
 * dropped, and no octet behind it is looked at.
 * vuln: ICMP echo payload length errors */
TEST(a_reply_cut_off_anywhere_breaks_nothing)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    uint16_t id = status_of(p, e).id;
    uint8_t whole[200];
    struct estab_echo_message m;
    uint32_t len = IP_LEN + estab_icmp_write(whole + IP_LEN, peer_family, (uint8_t)REPLY, 0,
                                             (uint32_t)id << 16 | 1, data, 56, p->them.addr.bytes,
                                             p->us.addr.bytes);

    for (uint32_t cut = 0; cut < len; cut++) {
        uint8_t *exact = malloc(cut > 0 ? cut : 1); /* so that a sanitizer sees who reads too far */

        (void)estab_ip_write(whole, peer_family, ICMP_PROTO, 64, 0, p->them.addr.bytes,
                             p->us.addr.bytes, 0, len - IP_LEN);
        memcpy(exact, whole, cut);
        peer_sends_raw(p, exact, cut);
        assert_int_not_equal(p->last_verdict, ESTAB_SEG_ACCEPTED_ECHO_REPLY);
        free(exact);
        if (cut < IP_LEN)
            continue;
        /* and as if that were all: the checksum is anew, only its header can be missing */
        exact = malloc(cut);
        memcpy(exact, whole, cut);
        (void)estab_ip_write(exact, peer_family, ICMP_PROTO, 64, 0, p->them.addr.bytes,
                             p->us.addr.bytes, 0, cut - IP_LEN);
        if (cut >= IP_LEN + 8)
            (void)estab_icmp_write(exact + IP_LEN, peer_family, (uint8_t)REPLY, 0,
                                   (uint32_t)id << 16 | 1, exact + IP_LEN + 8, cut - IP_LEN - 8,
                                   p->them.addr.bytes, p->us.addr.bytes);
        peer_sends_raw(p, exact, cut);
        free(exact);
        if (cut < IP_LEN + 8) {
            expect_verdict(p, DROP_ICMP_MALFORMED);
            continue;
        }
        expect_verdict(p, ACCEPTED_ECHO_REPLY);
        assert_int_equal(user_reads(p, e, &m), cut - IP_LEN - 8);
        assert_true(m.altered);
    }
    peer_done(p);
}

/* RFC 1122 §3.2.2.6: a host sends a reply once, with the data of the request; what is otherwise is told. */
TEST(replies_that_come_again_or_altered_say_so)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    uint16_t id = status_of(p, e).id;
    struct estab_echo_message m;
    uint8_t wrong[57];

    memcpy(wrong, data, sizeof(wrong));
    peer_replies(p, id, 1, data, 56);
    peer_replies(p, id, 1, data, 56);
    wrong[55] ^= 1;
    peer_replies(p, id, 1, wrong, 56);
    wrong[55] ^= 1;
    peer_replies(p, id, 1, wrong, 55);
    peer_replies(p, id, 1, wrong, 57);
    for (unsigned i = 0; i < 5; i++) {
        assert_true(user_reads(p, e, &m) >= 55);
        assert_int_equal(m.duplicate, i > 0);
        assert_int_equal(m.altered, i > 1);
    }
    assert_int_equal(m.len, 57);
    peer_done(p);
}

/* Only the last 64 numbers can be answered. */
TEST(requests_of_long_ago_are_forgotten)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    uint16_t id = status_of(p, e).id;

    for (unsigned i = 0; i <= ESTAB_ECHO_REQUESTS; i++) {
        assert_int_equal(user_pings(p, e, (uint16_t)(65530 + i), 0), 0);
        (void)takes_request(p, e, (uint16_t)(65530 + i), 0);
    }
    peer_replies(p, id, 65530, data, 0);
    expect_verdict(p, DROP_ECHO_UNASKED);
    peer_replies(p, id, 65531, data, 0);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    peer_replies(p, id, 58, data, 0);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    peer_replies(p, id, 59, data, 0);
    expect_verdict(p, DROP_ECHO_UNASKED);
    peer_done(p);
}

/* limit: receive_count_max, receive_bytes_max */
TEST(what_is_not_read_is_bounded)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    struct estab_echo_message m;
    unsigned taken = 0;
    uint16_t id;
    estab_echo e;

    estab_echo_options_init(&opt);
    opt.receive_count_max = 3;
    e = has_pinged(p, &opt);
    id = status_of(p, e).id;
    for (unsigned i = 0; i < 3; i++)
        peer_replies(p, id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    peer_replies(p, id, 1, data, 56);
    expect_verdict(p, DROP_ECHO_QUEUE_FULL);
    assert_int_equal(status_of(p, e).dropped, 1);
    assert_true(user_reads(p, e, &m) == 56);
    expect_event(p, ESTAB_READABLE); /* more wait */
    peer_replies(p, id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    while (user_reads(p, e, &m) >= 0)
        ;
    assert_int_equal(status_of(p, e).ring, 0);
    opt.receive_count_max = UINT32_MAX;
    opt.receive_bytes_max = 4096;
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
    do
        peer_replies(p, id, 1, data, 1000);
    while (p->last_verdict == ESTAB_SEG_ACCEPTED_ECHO_REPLY && ++taken < 100);
    expect_verdict(p, DROP_ECHO_QUEUE_FULL);
    assert_int_equal(taken, 3);
    assert_int_equal(status_of(p, e).ring, 4096);
    peer_done(p);
}

/* Without memory the reply is dropped, and a later one finds room. */
TEST(memory_that_is_not_there_costs_replies_only)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = has_pinged(p, NULL);
    struct estab_echo_message m;
    unsigned taken = 0;

    p->fail_at = p->gets + 1;
    do
        peer_replies(p, status_of(p, e).id, 1, data, 1400);
    while (p->last_verdict == ESTAB_SEG_ACCEPTED_ECHO_REPLY && ++taken < 64);
    expect_verdict(p, DROP_NO_MEMORY);
    assert_int_equal(status_of(p, e).waiting, taken);
    while (user_reads(p, e, &m) >= 0)
        ;
    p->fail_at = 0;
    peer_replies(p, status_of(p, e).id, 1, data, 56);
    expect_verdict(p, ACCEPTED_ECHO_REPLY);
    peer_done(p);
}

/* ---- errors ---- */

/* An ICMP error of a router about the request of ours that was sent last, of which it quotes `len`
 * octets, altered at `at`. */
static void
router_says(struct peer *p, const struct captured *about, uint8_t type, uint8_t code, uint32_t rest,
            uint32_t len, uint32_t at)
{
    struct estab_endpoint them = p->them;
    uint8_t quote[2048];

    memcpy(quote, about->packet, sizeof(quote));
    if (at < sizeof(quote))
        quote[at] ^= 0x10;
    p->them.addr.bytes[ADDR_LEN - 1] = 254;
    peer_sends_icmp_message(p, type, code, rest, quote, len);
    p->them = them;
}

static struct captured
pinged(struct peer *p, estab_echo e, uint16_t seq, uint32_t len)
{
    assert_int_equal(user_pings(p, e, seq, len), 0);
    return *peer_takes(p);
}

/* RFC 1122 §3.2.2.6, RFC 4443 §2.4 (d): errors are told to who has sent the request, with their router. */
TEST(an_error_is_told_with_its_router)
{
    static const struct {
        uint8_t type[2], code[2];
        int error;
    } cases[] = {
        { { 11, 3 }, { 0, 0 }, ESTAB_EHOSTUNREACH }, { { 11, 3 }, { 1, 1 }, ESTAB_EHOSTUNREACH },
        { { 3, 1 }, { 0, 0 }, ESTAB_ENETUNREACH },   { { 3, 1 }, { 1, 3 }, ESTAB_EHOSTUNREACH },
        { { 3, 1 }, { 3, 4 }, ESTAB_ECONNREFUSED },  { { 3, 1 }, { 13, 1 }, ESTAB_EHOSTUNREACH },
        { { 12, 4 }, { 0, 0 }, ESTAB_EPROTO },
    };
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    struct estab_addr router = p->them.addr;

    router.bytes[ADDR_LEN - 1] = 254;
    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct captured c = pinged(p, e, (uint16_t)i, 56);
        struct estab_echo_message m;
        uint8_t type = cases[i].type[V4(0, 1)], code = cases[i].code[V4(0, 1)];

        time_passes(p, MS(10));
        router_says(p, &c, type, code, 0, V4(28, 48), UINT32_MAX);
        expect_verdict(p, ACCEPTED_SOFT_ERROR);
        expect_event(p, ESTAB_READABLE);
        assert_int_equal(user_reads(p, e, &m), 0);
        assert_int_equal(m.kind, ESTAB_ECHO_ERROR);
        assert_int_equal(m.seq, i);
        assert_int_equal(m.error, -cases[i].error);
        assert_int_equal(m.icmp_type, type);
        assert_int_equal(m.icmp_code, code);
        assert_true(estab_addr_equal(&m.from, &router));
        assert_true(estab_addr_equal(&m.to, &p->them.addr));
        assert_int_equal(m.received_at - m.sent_at, MS(10));
    }
    assert_int_equal(status_of(p, e).errors, sizeof(cases) / sizeof(cases[0]));
    peer_done(p);
}

/* As RFC 5927 §4.1: an error must quote a request that was sent: its addresses, its type, identifier and
 * number; cut off before them it says nothing. */
TEST(an_error_about_what_was_not_sent_is_dropped)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    struct captured c = pinged(p, e, 1, 56);
    const uint32_t src = V4(12, 8), dst = src + ADDR_LEN;
    const uint32_t wrong[] = { V4(9, 6),   src,        dst - 1,    dst,        dst + ADDR_LEN - 1,
                               IP_LEN + 0, IP_LEN + 4, IP_LEN + 5, IP_LEN + 6, IP_LEN + 7 };

    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        router_says(p, &c, TIME_EXCEEDED, 0, 0, IP_LEN + 8, wrong[i]);
        if (p->last_verdict != ESTAB_SEG_DROP_ICMP_UNRELATED)
            fail_msg("octet %u: verdict %s", wrong[i], estab_verdict_name(p->last_verdict));
    }
    for (uint32_t len = 0; len < IP_LEN + 8; len++) {
        router_says(p, &c, UNREACHABLE, 1, 0, len, UINT32_MAX);
        expect_verdict(p, DROP_ICMP_UNRELATED);
    }
    expect_no_event(p);
    router_says(p, &c, TIME_EXCEEDED, 0, 0, IP_LEN + 8, UINT32_MAX);
    expect_verdict(p, ACCEPTED_SOFT_ERROR);
    peer_done(p);
}

/* RFC 8201 §4, RFC 1191 §3: the path is known to be narrower then, and what follows leaves in fragments, or
 * is refused. */
TEST(a_packet_too_big_narrows_the_path)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    struct estab_echo_message m;
    struct captured c;
    estab_echo e;

    estab_echo_options_init(&opt);
    opt.dont_fragment = true;
    e = user_opens_echo(p, &opt);
    assert_int_equal(user_pings(p, e, 1, 1501 - IP_LEN - 8), -ESTAB_EMSGSIZE); /* the link's */
    c = pinged(p, e, 1, 1400);
    if (peer_family == 4)
        assert_int_equal(c.packet[6], 0x40);
    router_says(p, &c, TOO_BIG_TYPE, TOO_BIG_CODE, 1300, IP_LEN + 8, UINT32_MAX);
    expect_verdict(p, ACCEPTED_PACKET_TOO_BIG);
    assert_int_equal(user_reads(p, e, &m), 0);
    assert_int_equal(m.error, -ESTAB_EMSGSIZE);
    assert_int_equal(m.mtu, 1300);
    assert_int_equal(user_pings(p, e, 2, 1301 - IP_LEN - 8), -ESTAB_EMSGSIZE);
    c = pinged(p, e, 2, 1300 - IP_LEN - 8);
    assert_int_equal(c.packet_len, 1300);
    opt.dont_fragment = false;
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
    c = pinged(p, e, 3, 1400);
    assert_true(c.packet_len <= 1300);
    peer_forgets(p);
    peer_done(p);
}

/* What is no larger than what the router says it takes was not too big; IPv4's routers cut what may be
 * cut; and a link is what it is. */
TEST(a_packet_that_cannot_have_been_too_big_narrows_nothing)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    struct captured c;
    estab_echo e;

    estab_echo_options_init(&opt);
    opt.dont_fragment = true;
    e = user_opens_echo(p, &opt);
    c = pinged(p, e, 1, 1300 - IP_LEN - 8);
    router_says(p, &c, TOO_BIG_TYPE, TOO_BIG_CODE, 1300, IP_LEN + 8, UINT32_MAX);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    opt.dont_fragment = false;
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
    c = pinged(p, e, 2, 1400);
    if (peer_family == 4) {
        router_says(p, &c, TOO_BIG_TYPE, TOO_BIG_CODE, 1300, IP_LEN + 8, UINT32_MAX);
        expect_verdict(p, DROP_ICMP_UNRELATED);
    }
    c = pinged(p, e, 3, 3000);
    peer_forgets(p);
    router_says(p, &c, TOO_BIG_TYPE, TOO_BIG_CODE, 1500, IP_LEN + 8 + V4(0, 8), UINT32_MAX);
    expect_verdict(p, DROP_ICMP_UNRELATED);
    assert_int_equal(user_pings(p, e, 4, 1500 - IP_LEN - 8), 0);
    assert_int_equal(peer_takes(p)->packet_len, 1500);
    peer_done(p);
}

/* ---- sizes and queues ---- */

/* A packet of 65,535 octets goes out in fragments and comes back in some. */
TEST(the_largest_request_goes_and_comes_whole)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    static uint8_t buf[70000];
    struct estab_echo_message m;
    struct estab_addr own = p->us.addr;
    ptrdiff_t n;

    assert_int_equal(user_pings(p, e, 1, MOST + 1), -ESTAB_EMSGSIZE);
    assert_int_equal(user_pings(p, e, 1, MOST), 0);
    assert_true(p->n - p->first > 40);
    peer_forgets(p);
    /* to ourselves: request and reply over the loopback */
    assert_int_equal(estab_echo_send(p->stack, e, &own, 2, data, MOST, p->now), 0);
    for (unsigned i = 0; i < 10; i++)
        time_passes(p, 0);
    n = estab_echo_receive(p->stack, e, &m, buf, sizeof(buf), p->now);
    assert_int_equal(n, MOST);
    assert_memory_equal(buf, data, MOST);
    assert_false(m.altered);
    assert_int_equal(m.ifindex, 0);
    assert_true(estab_addr_equal(&m.from, &own));
    peer_done(p);
}

/* When the interface's queue is full the user is told, and told again when there is room. */
TEST(a_full_queue_is_told_and_when_it_is_not_full_any_more)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    unsigned sent = 0;

    while (estab_echo_send(p->stack, e, &p->them.addr, (uint16_t)sent, data, 20000, p->now) == 0)
        sent++;
    assert_in_range(sent, 4, 6);
    assert_int_equal(estab_echo_send(p->stack, e, &p->them.addr, 0, data, 20000, p->now),
                     -ESTAB_EAGAIN);
    expect_no_event(p);
    time_passes(p, 0);
    expect_event(p, ESTAB_WRITABLE);
    peer_forgets(p);
    assert_int_equal(user_pings(p, e, 99, 56), 0);
    peer_forgets(p);
    peer_done(p);
}

/* Who waits for room and goes is not told, nor is anybody else for him. */
TEST(an_endpoint_that_waits_for_room_can_be_closed)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL), f;

    while (estab_echo_send(p->stack, e, &p->them.addr, 1, data, 20000, p->now) == 0)
        ;
    f = user_opens_echo(p, NULL);
    assert_int_equal(estab_echo_send(p->stack, f, &p->them.addr, 1, data, 20000, p->now),
                     -ESTAB_EAGAIN);
    assert_int_equal(estab_echo_close(p->stack, e, p->now), 0);
    time_passes(p, 0);
    expect_event(p, ESTAB_WRITABLE);
    peer_forgets(p);
    assert_int_equal(user_pings(p, f, 2, 20000), 0);
    peer_forgets(p);
    time_passes(p, 0);
    expect_no_event(p);
    peer_done(p);
}

/* What was asked on one interface is not answered on another. */
TEST(an_endpoint_of_one_interface_sends_and_hears_there_only)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_link link = { .mtu = 1500 };
    struct estab_echo_options opt;
    uint8_t packet[2048];
    struct estab_frame frame = { .data = packet, .cap = sizeof(packet) };
    struct estab_addr other;
    struct peer *p;
    uint32_t len;
    estab_echo e;

    cfg.strong_host = false;
    p = peer_host_with(&cfg);
    other = p->us.addr;
    other.bytes[1] ^= 0x40;
    assert_int_equal(estab_stack_add_interface(p->stack, &link), 2);
    assert_int_equal(estab_stack_add_address(p->stack, 2, &other, V4(24, 64)), 0);
    estab_echo_options_init(&opt);
    opt.ifindex = 2;
    e = user_opens_echo(p, &opt);
    assert_int_equal(user_pings(p, e, 1, 56), 0);
    expect_nothing_sent(p); /* on the first */
    assert_int_equal(estab_stack_output(p->stack, 2, &frame, 1, p->now), 1);
    assert_memory_equal(packet + V4(12, 8), other.bytes, ADDR_LEN);
    len = IP_LEN + estab_icmp_write(packet + IP_LEN, peer_family, (uint8_t)REPLY, 0,
                                    (uint32_t)status_of(p, e).id << 16 | 1, data, 56,
                                    p->them.addr.bytes, other.bytes);
    (void)estab_ip_write(packet, peer_family, ICMP_PROTO, 64, 0, p->them.addr.bytes, other.bytes, 0,
                         len - IP_LEN);
    peer_sends_raw(p, packet, len); /* on the first */
    expect_verdict(p, DROP_ECHO_UNASKED);
    frame.len = len;
    estab_stack_input(p->stack, 2, &frame, 1, p->now);
    assert_int_equal(p->last_verdict, ESTAB_SEG_ACCEPTED_ECHO_REPLY);
    opt.ifindex = 3; /* there is none */
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
    assert_int_equal(user_pings(p, e, 2, 56), -ESTAB_ENETUNREACH);
    peer_done(p);
}

/* ---- many ---- */

/* A group is asked: whoever is in it may answer, each once. */
TEST(anybody_may_answer_what_went_to_a_group)
{
    struct peer *p = peer_host(NULL);
    estab_echo e = user_opens_echo(p, NULL);
    struct estab_addr group = { .family = (uint8_t)peer_family };
    struct estab_echo_message m;
    struct captured *c;

    group.bytes[0] = (uint8_t)V4(224, 0xff);
    group.bytes[1] = (uint8_t)V4(0, 2);
    group.bytes[ADDR_LEN - 1] = 1;
    assert_int_equal(estab_echo_send(p->stack, e, &group, 1, data, 8, p->now), 0);
    time_passes(p, 0);
    c = peer_takes(p);
    assert_int_equal(c->ttl, 1);
    for (unsigned i = 0; i < 3; i++) {
        p->them.addr.bytes[ADDR_LEN - 1] = (uint8_t)(10 + i);
        peer_replies(p, status_of(p, e).id, 1, data, 8);
        expect_verdict(p, ACCEPTED_ECHO_REPLY);
        assert_int_equal(user_reads(p, e, &m), 8);
        assert_true(estab_addr_equal(&m.from, &p->them.addr));
        assert_true(estab_addr_equal(&m.to, &group));
        assert_int_equal(m.duplicate, i > 0);
    }
    peer_done(p);
}

TEST(asking_everybody_is_a_decision)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    struct estab_addr all = estab_addr_v4(255, 255, 255, 255);
    estab_echo e = user_opens_echo(p, NULL);

    if (peer_family == 4) {
        assert_int_equal(estab_echo_send(p->stack, e, &all, 1, data, 8, p->now), -ESTAB_EINVAL);
        estab_echo_options_init(&opt);
        opt.broadcast = true;
        assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), 0);
        assert_int_equal(estab_echo_send(p->stack, e, &all, 1, data, 8, p->now), 0);
        time_passes(p, 0);
        (void)peer_takes(p);
    }
    peer_done(p);
}

/* ---- endpoints ---- */

/* Identifiers are not counted up, and no two endpoints have the same. */
TEST(identifiers_are_not_foreseen)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;
    uint16_t id[64];
    unsigned rises = 0;

    cfg.max_echo = 64;
    p = peer_host_with(&cfg);
    for (unsigned i = 0; i < 64; i++) {
        estab_echo e = user_opens_echo(p, NULL);

        id[i] = status_of(p, e).id;
        for (unsigned k = 0; k < i; k++)
            assert_int_not_equal(id[i], id[k]);
        rises += i > 0 && id[i] > id[i - 1];
    }
    assert_in_range(rises, 15, 48);
    peer_done(p);
}

/* limit: max_echo */
TEST(endpoints_are_counted_and_given_back)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack_status st;
    struct estab_echo_status es;
    estab_echo a, b, c;
    uint64_t cursor = 0;
    struct peer *p;

    cfg.max_echo = 2;
    p = peer_host_with(&cfg);
    a = user_opens_echo(p, NULL);
    b = user_opens_echo(p, NULL);
    assert_int_equal(estab_echo_open(p->stack, peer_family, NULL, &c, p->now), -ESTAB_ENOBUFS);
    assert_int_equal(c, 0);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.echo, 2);
    assert_true(estab_echo_next(p->stack, &cursor, &es));
    assert_int_equal(es.family, peer_family);
    assert_true(estab_echo_next(p->stack, &cursor, &es));
    assert_false(estab_echo_next(p->stack, &cursor, &es));
    assert_int_equal(estab_echo_close(p->stack, a, p->now), 0);
    assert_int_equal(estab_echo_close(p->stack, a, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_echo_open(p->stack, peer_family, NULL, &c, p->now), 0);
    assert_int_not_equal(c, a);
    assert_int_not_equal(c, b);
    estab_stack_shutdown(p->stack, ESTAB_SHUTDOWN_RST, p->now);
    estab_stack_status(p->stack, &st);
    assert_int_equal(st.echo, 0);
    peer_done(p);
}

TEST(calls_that_cannot_be_are_refused)
{
    struct peer *p = peer_host(NULL);
    struct estab_echo_options opt;
    estab_echo e = user_opens_echo(p, NULL), f;
    estab_udp u = user_binds(p, 5, NULL);
    struct estab_addr other = { .family = peer_family == 4 ? ESTAB_INET6 : ESTAB_INET },
                      any = { .family = (uint8_t)peer_family };
    struct estab_echo_message m;
    struct estab_status st;
    struct estab_event ev;

    assert_int_equal(estab_echo_open(p->stack, 5, NULL, &f, p->now), -ESTAB_EAFNOSUPPORT);
    other.bytes[0] = 0x20;
    assert_int_equal(estab_echo_send(p->stack, e, &other, 1, data, 1, p->now), -ESTAB_EAFNOSUPPORT);
    assert_int_equal(estab_echo_send(p->stack, e, &any, 1, data, 1, p->now), -ESTAB_EINVAL);
    estab_echo_options_init(&opt);
    opt.dscp = 64;
    assert_int_equal(estab_echo_set_options(p->stack, e, &opt, p->now), -ESTAB_EINVAL);
    estab_echo_options_init(&opt);
    opt.receive_bytes_max = 10;
    assert_int_equal(estab_echo_open(p->stack, peer_family, &opt, &f, p->now), -ESTAB_EINVAL);
    estab_echo_options_init(&opt);
    opt.local = p->them.addr; /* not ours */
    assert_int_equal(estab_echo_open(p->stack, peer_family, &opt, &f, p->now), -ESTAB_EINVAL);
    /* a handle is of one kind */
    assert_int_equal(user_pings(p, u, 1, 1), -ESTAB_EBADF);
    assert_int_equal(user_reads(p, u, &m), -ESTAB_EBADF);
    assert_int_equal(estab_udp_close(p->stack, e, p->now), -ESTAB_EBADF);
    assert_int_equal(estab_status(p->stack, e, &st), -ESTAB_EBADF);
    assert_int_equal(estab_echo_close(p->stack, u, p->now), -ESTAB_EBADF);
    /* events bring the cookie */
    assert_int_equal(estab_set_cookie(p->stack, e, &m), 0);
    assert_int_equal(estab_echo_send(p->stack, e, &p->us.addr, 1, data, 1, p->now), 0);
    estab_stack_tick(p->stack, p->now);
    assert_int_equal(estab_stack_events(p->stack, &ev, 1), 1);
    assert_int_equal(ev.conn, e);
    assert_ptr_equal(ev.cookie, &m);
    peer_done(p);
}

TEST(without_a_way_nothing_is_sent)
{
    struct estab_config cfg = peer_config(NULL);
    struct estab_stack *stack;
    struct estab_addr to = { .family = (uint8_t)peer_family, .bytes = { 0x20, 1, [15] = 1 } };
    estab_echo e;

    if (peer_family == 4)
        to = estab_addr_v4(192, 0, 2, 1);
    cfg.alloc = estab_alloc_system();
    stack = estab_stack_new(&cfg);
    assert_non_null(stack);
    assert_int_equal(estab_echo_open(stack, peer_family, NULL, &e, 0), 0);
    assert_int_equal(estab_echo_send(stack, e, &to, 1, "x", 1, 0), -ESTAB_ENETUNREACH);
    estab_stack_free(stack);
}
