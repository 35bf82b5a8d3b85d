/* SPDX-License-Identifier: MIT */
/* The DHCP client on virtual time: what it sends when, what it believes, and how long an address is
 * its own (estab/dhcp.h, wire/dhcp.h). */
#include "estab/dhcp.h"
#include "harness/test.h"

#include "base/bytes.h"
#include "estab/err.h"
#include "wire/dhcp.h"

#include <stdlib.h>
#include <string.h>

/* --- both sides --- */

static struct estab_dhcp client;
static struct estab_dhcp_packet sent;
static struct dhcp_message said; /* what `sent` says */
static estab_time now;

static const uint8_t hardware[6] = { 2, 0, 0, 0, 0, 9 };

static struct estab_dhcp_config
config(void)
{
    struct estab_dhcp_config cfg = { .hardware_type = 1, .hardware_len = 6, .broadcast = true };

    memset(cfg.secret, 5, sizeof cfg.secret);
    memcpy(cfg.hardware, hardware, 6);
    return cfg;
}

static void
start(const struct estab_dhcp_config *cfg)
{
    now = ESTAB_SEC(1000);
    assert_int_equal(estab_dhcp_init(&client, cfg), 0);
    estab_dhcp_start(&client, now);
}

static void
expect_sent(unsigned type)
{
    if (!estab_dhcp_next_packet(&client, &sent, now))
        fail_msg("%s", "nothing was sent");
    assert_true(sent.len >= 300 && sent.len <= ESTAB_DHCP_MESSAGE);
    assert_int_equal(estab_dhcp_parse(&said, sent.octets, sent.len), ESTAB_DHCP_VERDICT_COUNT);
    assert_int_equal(said.op, 1);
    assert_int_equal(said.type, type);
    assert_memory_equal(said.hardware, hardware, 6);
}

static void
expect_nothing_sent(void)
{
    struct estab_dhcp_packet p;

    assert_false(estab_dhcp_next_packet(&client, &p, now));
}

static void
expect_state(unsigned state)
{
    assert_string_equal(estab_dhcp_state_name(client.state), estab_dhcp_state_name(state));
}

static void
expect_events(unsigned events)
{
    assert_int_equal(estab_dhcp_take_events(&client), events);
}

static void
time_passes(estab_time by)
{
    now += by;
    estab_dhcp_timeouts(&client, now);
}

/* To the next deadline, which must be in [from, to] from now. */
static void
deadline_comes(estab_time from, estab_time to)
{
    estab_time wait = estab_dhcp_deadline(&client) - now;

    if (wait < from || wait > to)
        fail_msg("the deadline is in %lld ms", (long long)(wait / 1000000));
    time_passes(wait - 1);
    expect_nothing_sent();
    time_passes(1);
}

static void
expect_to(const char *addr)
{
    char text[ESTAB_ADDR_TEXT];

    assert_string_equal(estab_addr_format(&sent.dst, text), addr);
}

/* A reply to what was sent last, built octet by octet. */
struct reply {
    uint8_t octets[1500];
    size_t len;
};

static struct reply
bare_reply(unsigned type, unsigned last_octet)
{
    struct reply m = { { 2, 1, 6 }, DHCP_FIXED };

    put_be32(m.octets + 4, said.xid);
    if (last_octet != 0)
        memcpy(m.octets + 16, (uint8_t[]){ 192, 0, 2, (uint8_t)last_octet }, 4);
    memcpy(m.octets + 28, hardware, 6);
    put_be32(m.octets + 236, 0x63825363);
    m.octets[m.len++] = 53;
    m.octets[m.len++] = 1;
    m.octets[m.len++] = (uint8_t)type;
    return m;
}

static void
add(struct reply *m, unsigned code, const void *data, size_t len)
{
    m->octets[m->len] = (uint8_t)code;
    m->octets[m->len + 1] = (uint8_t)len;
    memcpy(m->octets + m->len + 2, data, len);
    m->len += 2 + len;
}

static void
add_seconds(struct reply *m, unsigned code, uint32_t seconds)
{
    uint8_t octets[4];

    put_be32(octets, seconds);
    add(m, code, octets, 4);
}

static struct reply
reply(unsigned type, unsigned last_octet, uint32_t lease)
{
    struct reply m = bare_reply(type, last_octet);

    add(&m, 54, (uint8_t[]){ 192, 0, 2, 1 }, 4);
    if (lease != 0)
        add_seconds(&m, 51, lease);
    add(&m, 1, (uint8_t[]){ 255, 255, 255, 0 }, 4);
    return m;
}

static void
arrives(struct reply m, const char *verdict)
{
    m.octets[m.len++] = 255;
    assert_string_equal(estab_dhcp_verdict_name(estab_dhcp_arrives(&client, m.octets, m.len, now)),
                        verdict);
}

/* A client bound to 192.0.2.50 for `lease` seconds. */
static void
start_bound(uint32_t lease)
{
    struct estab_dhcp_config cfg = config();

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, lease), "OFFER");
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_ACK, 50, lease), "ACK");
    expect_state(ESTAB_DHCP_BOUND);
    expect_events(ESTAB_DHCP_LEASED);
}

/* --- getting an address --- */

/* RFC 2131 §3.1, figure 3; table 5 for the fields. */
TEST(discover_offer_request_ack)
{
    struct estab_dhcp_config cfg = config();
    char text[ESTAB_ADDR_TEXT];
    uint32_t xid;

    cfg.hostname = "box";
    start(&cfg);
    expect_state(ESTAB_DHCP_SELECTING);
    expect_sent(DHCP_DISCOVER);
    expect_to("255.255.255.255");
    assert_string_equal(estab_addr_format(&sent.src, text), "0.0.0.0");
    assert_true(said.broadcast);
    assert_int_equal(said.client.family, 0);
    assert_int_equal(said.requested.family, 0);
    assert_int_equal(said.server.family, 0);
    assert_string_equal(said.name, "box");
    xid = said.xid;
    expect_nothing_sent();

    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_state(ESTAB_DHCP_REQUESTING);
    expect_sent(DHCP_REQUEST);
    expect_to("255.255.255.255");
    assert_int_equal(said.xid, xid);
    assert_int_equal(said.client.family, 0);
    assert_int_equal(said.requested.bytes[3], 50);
    assert_int_equal(said.server.bytes[3], 1);

    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
    expect_state(ESTAB_DHCP_BOUND);
    expect_events(ESTAB_DHCP_LEASED);
    assert_int_equal(client.lease.addr.bytes[3], 50);
    assert_int_equal(client.lease.prefix_len, 24);
    expect_nothing_sent();
}

/* RFC 2131 §4.1: 4, 8, 16, 32, 64 seconds, each one more or less, and 64 from then on. */
TEST(discover_is_repeated_with_growing_patience)
{
    struct estab_dhcp_config cfg = config();

    start(&cfg);
    for (unsigned i = 0; i < 8; i++) {
        estab_time about = ESTAB_SEC(4) << (i < 4 ? i : 4);

        expect_sent(DHCP_DISCOVER);
        deadline_comes(about - ESTAB_SEC(1), about + ESTAB_SEC(1));
    }
    expect_sent(DHCP_DISCOVER);
    assert_true(said.secs > 300);
}

/* For hours nobody answers; who then does is heard, and was not asked more often than at the beginning. */
TEST(a_server_that_comes_after_hours_is_heard)
{
    struct estab_dhcp_config cfg = config();

    start(&cfg);
    for (unsigned i = 0; i < 600; i++) {
        struct estab_dhcp before;

        expect_sent(DHCP_DISCOVER);
        before = client;
        arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
        client = before;
        if (i < 4)
            time_passes(estab_dhcp_deadline(&client) - now);
        else
            deadline_comes(ESTAB_SEC(63), ESTAB_SEC(65));
    }
}

/* The waits are random, and the secret's. */
TEST(two_clients_do_not_stay_in_step)
{
    struct estab_dhcp_config cfg = config();
    estab_time first;
    uint32_t xid;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    first = estab_dhcp_deadline(&client);
    xid = said.xid;
    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    assert_int_equal(estab_dhcp_deadline(&client), first);
    assert_int_equal(said.xid, xid);
    cfg.secret[0] = 6;
    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    assert_int_not_equal(estab_dhcp_deadline(&client), first);
    assert_int_not_equal(said.xid, xid);
}

TEST(the_first_message_can_wait_for_a_random_time)
{
    struct estab_dhcp_config cfg = config();

    cfg.start_delay = ESTAB_SEC(10);
    start(&cfg);
    expect_state(ESTAB_DHCP_INIT);
    expect_nothing_sent();
    deadline_comes(0, ESTAB_SEC(10));
    expect_sent(DHCP_DISCOVER);
}

/* RFC 2131 §3.1: an unanswered REQUEST is repeated for about a minute, then all begins anew. */
TEST(an_unanswered_request_leads_back_to_discover)
{
    struct estab_dhcp_config cfg = config();
    estab_time begun;
    uint32_t xid;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    xid = said.xid;
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    begun = now;
    for (unsigned i = 0; i < 5; i++) {
        expect_sent(DHCP_REQUEST);
        assert_int_equal(said.xid, xid);
        deadline_comes(ESTAB_SEC(3), ESTAB_SEC(65));
    }
    assert_in_range(now - begun, ESTAB_SEC(60), ESTAB_SEC(130));
    expect_sent(DHCP_DISCOVER);
    assert_int_not_equal(said.xid, xid);
    expect_events(0);
}

/* RFC 2131 §3.1: NAK: back to the beginning; again and again: not in a hurry. */
TEST(a_nak_begins_anew_and_the_second_one_waits)
{
    struct estab_dhcp_config cfg = config();

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_NAK, 0, 0), "NAK");
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_NAK, 0, 0), "NAK");
    expect_nothing_sent();
    deadline_comes(ESTAB_SEC(10), ESTAB_SEC(10));
    expect_sent(DHCP_DISCOVER);
}

/* RFC 2131 §3.2, §4.3.2: INIT-REBOOT names the address and no server. */
TEST(an_address_had_before_is_asked_for_again)
{
    struct estab_dhcp_config cfg = config();

    cfg.last = estab_addr_v4(192, 0, 2, 50);
    start(&cfg);
    expect_state(ESTAB_DHCP_REBOOTING);
    expect_sent(DHCP_REQUEST);
    expect_to("255.255.255.255");
    assert_int_equal(said.requested.bytes[3], 50);
    assert_int_equal(said.server.family, 0);
    assert_int_equal(said.client.family, 0);
    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
    expect_state(ESTAB_DHCP_BOUND);

    start(&cfg);
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_NAK, 0, 0), "NAK");
    expect_sent(DHCP_DISCOVER);

    start(&cfg);
    for (unsigned i = 0; i < 5; i++) {
        expect_sent(DHCP_REQUEST);
        deadline_comes(ESTAB_SEC(3), ESTAB_SEC(65));
    }
    expect_sent(DHCP_DISCOVER);
}

/* --- conflicts --- */

/* RFC 2131 §4.4.1, RFC 5227 §2.1: the address is used when nobody else has it. */
TEST(an_address_is_probed_before_it_is_used)
{
    struct estab_dhcp_config cfg = config();

    cfg.probe = true;
    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
    expect_state(ESTAB_DHCP_PROBING);
    expect_events(ESTAB_DHCP_PROBE);
    estab_dhcp_probed(&client, false, now);
    expect_state(ESTAB_DHCP_BOUND);
    expect_events(ESTAB_DHCP_LEASED);
}

/* RFC 2131 §3.1, §4.4.4: DECLINE to all, with server and address, then ten seconds of rest. */
TEST(an_address_in_use_is_declined)
{
    struct estab_dhcp_config cfg = config();

    cfg.probe = true;
    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
    expect_events(ESTAB_DHCP_PROBE);
    estab_dhcp_probed(&client, true, now);
    expect_sent(DHCP_DECLINE);
    expect_to("255.255.255.255");
    assert_int_equal(said.requested.bytes[3], 50);
    assert_int_equal(said.server.bytes[3], 1);
    assert_int_equal(said.client.family, 0);
    expect_events(0);
    deadline_comes(ESTAB_SEC(10), ESTAB_SEC(10));
    expect_sent(DHCP_DISCOVER);
}

TEST(a_conflict_later_on_loses_the_address)
{
    start_bound(3600);
    time_passes(ESTAB_SEC(100));
    estab_dhcp_probed(&client, true, now);
    expect_events(ESTAB_DHCP_LOST);
    expect_sent(DHCP_DECLINE);
}

/* --- keeping it --- */

/* RFC 2131 §4.4.5: T1 at about half the lease, to the server alone, from the address. */
TEST(a_lease_is_renewed_at_t1)
{
    uint32_t xid;

    start_bound(3600);
    xid = said.xid;
    deadline_comes(ESTAB_SEC(1740), ESTAB_SEC(1800));
    expect_state(ESTAB_DHCP_RENEWING);
    expect_sent(DHCP_REQUEST);
    expect_to("192.0.2.1");
    assert_int_equal(sent.src.bytes[3], 50);
    assert_int_equal(said.client.bytes[3], 50);
    assert_int_equal(said.requested.family, 0);
    assert_int_equal(said.server.family, 0);
    assert_false(said.broadcast);
    assert_int_not_equal(said.xid, xid);
    time_passes(ESTAB_SEC(1));
    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
    expect_state(ESTAB_DHCP_BOUND);
    expect_events(ESTAB_DHCP_RENEWED);
    assert_int_equal(client.lease.ends_at, now - ESTAB_SEC(1) + ESTAB_SEC(3600));
}

/* Half of what is left, at least a minute; at T2 everybody is asked; at the end it is over. */
TEST(without_an_answer_a_lease_is_rebound_and_then_lost)
{
    estab_time bound_at;

    start_bound(3600);
    bound_at = now;
    time_passes(estab_dhcp_deadline(&client) - now);
    for (unsigned i = 0; client.state == ESTAB_DHCP_RENEWING; i++) {
        assert_true(i < 10);
        expect_sent(DHCP_REQUEST);
        expect_to("192.0.2.1");
        assert_true(estab_dhcp_deadline(&client) - now >= ESTAB_SEC(60) ||
                    estab_dhcp_deadline(&client) == client.lease.rebind_at);
        time_passes(estab_dhcp_deadline(&client) - now);
    }
    expect_state(ESTAB_DHCP_REBINDING);
    assert_int_equal(now - bound_at, ESTAB_SEC(3150));
    for (unsigned i = 0; client.state == ESTAB_DHCP_REBINDING; i++) {
        assert_true(i < 10);
        expect_sent(DHCP_REQUEST);
        expect_to("255.255.255.255");
        assert_int_equal(said.client.bytes[3], 50);
        time_passes(estab_dhcp_deadline(&client) - now);
    }
    assert_int_equal(now - bound_at, ESTAB_SEC(3600));
    expect_events(ESTAB_DHCP_LOST);
    expect_sent(DHCP_DISCOVER);
}

/* RFC 2131 §4.4.5: while rebinding any server may answer. */
TEST(another_server_may_take_over_a_lease)
{
    struct reply m;

    start_bound(3600);
    time_passes(estab_dhcp_deadline(&client) - now);
    expect_sent(DHCP_REQUEST);
    m = bare_reply(DHCP_ACK, 50);
    add(&m, 54, (uint8_t[]){ 192, 0, 2, 2 }, 4);
    add_seconds(&m, 51, 3600);
    arrives(m, "DROP_SERVER");
    time_passes(ESTAB_SEC(10000));
    expect_state(ESTAB_DHCP_REBINDING);
    expect_sent(DHCP_REQUEST);
    arrives(m, "ACK");
    expect_events(ESTAB_DHCP_RENEWED);
    assert_int_equal(client.lease.server.bytes[3], 2);
}

TEST(a_nak_while_renewing_loses_the_address_at_once)
{
    start_bound(3600);
    time_passes(estab_dhcp_deadline(&client) - now);
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_NAK, 0, 0), "NAK");
    expect_events(ESTAB_DHCP_LOST);
    expect_sent(DHCP_DISCOVER);
}

/* RFC 2131 §3.3: all ones is for ever. */
TEST(an_infinite_lease_has_no_deadline)
{
    start_bound(UINT32_MAX);
    assert_int_equal(estab_dhcp_deadline(&client), ESTAB_NEVER);
}

/* The server's T1 and T2 hold if T1 < T2 < lease. */
TEST(the_servers_times_are_used_when_they_make_sense)
{
    struct estab_dhcp_config cfg = config();
    static const struct {
        uint32_t t1, t2, want1, want2;
    } cases[] = {
        { 100, 200, 100, 200 }, { 100, 4000, 100, 3150 },
        { 300, 200, 114, 200 }, { UINT32_MAX, UINT32_MAX, 1800, 3150 },
        { 0, 200, 114, 200 },   { 100, 0, 100, 3150 },
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct reply m;

        start(&cfg);
        expect_sent(DHCP_DISCOVER);
        arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
        expect_sent(DHCP_REQUEST);
        m = reply(DHCP_ACK, 50, 3600);
        add_seconds(&m, 58, cases[i].t1);
        add_seconds(&m, 59, cases[i].t2);
        arrives(m, "ACK");
        assert_int_equal((client.lease.renew_at - now) / ESTAB_SEC(1), cases[i].want1);
        assert_int_equal((client.lease.rebind_at - now) / ESTAB_SEC(1), cases[i].want2);
    }
}

/* A server whose T1 and T2 are no time at all would be asked again by each of its own answers. */
TEST(a_lease_is_not_renewed_at_once)
{
    struct reply m;

    start_bound(3600);
    deadline_comes(ESTAB_SEC(1700), ESTAB_SEC(1800));
    expect_sent(DHCP_REQUEST);
    m = reply(DHCP_ACK, 50, 3600);
    add_seconds(&m, 58, 0);
    add_seconds(&m, 59, 0);
    arrives(m, "ACK");
    time_passes(0);
    expect_nothing_sent();
    deadline_comes(ESTAB_SEC(1700), ESTAB_SEC(1800));
    expect_sent(DHCP_REQUEST);
}

/* RFC 2131 §4.4.6. */
TEST(a_release_tells_the_server_and_ends_it)
{
    start_bound(3600);
    estab_dhcp_release(&client, now);
    expect_sent(DHCP_RELEASE);
    expect_to("192.0.2.1");
    assert_int_equal(said.client.bytes[3], 50);
    assert_int_equal(said.server.bytes[3], 1);
    expect_nothing_sent();
    assert_int_equal(estab_dhcp_deadline(&client), ESTAB_NEVER);
    arrives(reply(DHCP_ACK, 50, 3600), "DROP_STATE");
}

/* --- what is believed --- */

TEST(only_replies_to_us_are_looked_at)
{
    struct estab_dhcp_config cfg = config();
    struct reply m;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    m = reply(DHCP_OFFER, 50, 3600);
    m.octets[4] ^= 1;
    arrives(m, "DROP_OTHERS");
    m = reply(DHCP_OFFER, 50, 3600);
    m.octets[33] ^= 1;
    arrives(m, "DROP_OTHERS");
    m = reply(DHCP_OFFER, 50, 3600);
    m.octets[0] = 1;
    arrives(m, "DROP_OTHERS");
    arrives(reply(DHCP_ACK, 50, 3600), "DROP_STATE");
    arrives(reply(DHCP_NAK, 50, 3600), "DROP_STATE");
    arrives(reply(DHCP_DISCOVER, 50, 3600), "DROP_STATE");
    expect_state(ESTAB_DHCP_SELECTING);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    arrives(reply(DHCP_ACK, 50, 3600), "DROP_STATE"); /* before the REQUEST has left */
    expect_sent(DHCP_REQUEST);
    arrives(reply(DHCP_OFFER, 51, 3600), "DROP_STATE");
    m = bare_reply(DHCP_ACK, 50);
    add(&m, 54, (uint8_t[]){ 192, 0, 2, 9 }, 4);
    add_seconds(&m, 51, 3600);
    arrives(m, "DROP_SERVER");
    arrives(reply(DHCP_ACK, 51, 3600), "DROP_INCOMPLETE"); /* not what was requested */
    arrives(reply(DHCP_ACK, 50, 3600), "ACK");
}

TEST(an_offer_without_what_is_needed_is_not_taken)
{
    struct estab_dhcp_config cfg = config();
    struct reply m;
    static const uint8_t unusable[][4] = {
        { 0, 0, 0, 1 }, { 127, 0, 0, 1 }, { 224, 0, 0, 1 }, { 255, 255, 255, 255 }, { 240, 0, 0, 1 }
    };

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 0, 3600), "DROP_INCOMPLETE");
    arrives(reply(DHCP_OFFER, 50, 0), "DROP_INCOMPLETE");
    m = bare_reply(DHCP_OFFER, 50);
    add_seconds(&m, 51, 3600);
    arrives(m, "DROP_INCOMPLETE");
    for (unsigned i = 0; i < sizeof unusable / 4; i++) {
        m = reply(DHCP_OFFER, 50, 3600);
        memcpy(m.octets + 16, unusable[i], 4);
        arrives(m, "DROP_INCOMPLETE");
    }
    expect_state(ESTAB_DHCP_SELECTING);
}

/* --- options --- */

/* What an ACK with these options gives. */
static struct estab_lease
lease_of(void (*add_options)(struct reply *m))
{
    struct estab_dhcp_config cfg = config();
    struct reply m;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    m = reply(DHCP_ACK, 50, 3600);
    add_options(&m);
    arrives(m, "ACK");
    return client.lease;
}

static void
usual_options(struct reply *m)
{
    uint8_t dns[24] = { 192, 0, 2, 53, 192, 0, 2, 54 };

    add(m, 0, "", 0);
    m->len -= 1; /* a lone pad */
    add(m, 3, (uint8_t[]){ 192, 0, 2, 254, 192, 0, 2, 253 }, 8);
    add(m, 6, dns, 24);
    add(m, 15, "lan.example", 12); /* with its zero */
    add(m, 26, (uint8_t[]){ 5, 120 }, 2);
}

TEST(the_usual_options_are_taken)
{
    struct estab_lease l = lease_of(usual_options);

    assert_int_equal(l.n_routes, 1);
    assert_int_equal(l.routes[0].len, 0);
    assert_int_equal(l.routes[0].gateway.bytes[3], 254);
    assert_int_equal(l.n_dns, ESTAB_DHCP_DNS);
    assert_int_equal(l.dns[1].bytes[3], 54);
    assert_string_equal(l.domain, "lan.example");
    assert_int_equal(l.mtu, 1400);
}

static void
classless_options(struct reply *m)
{
    static const uint8_t routes[] = { 0, 192, 0, 2, 7, 17, 10, 1, 0xff, 0, 0, 0, 0 };

    add(m, 3, (uint8_t[]){ 192, 0, 2, 254 }, 4);
    /* RFC 3396: in two parts. */
    add(m, 121, routes, 6);
    add(m, 121, routes + 6, sizeof routes - 6);
}

/* RFC 3442: the router option is ignored beside it. */
TEST(classless_routes_replace_the_router)
{
    struct estab_lease l = lease_of(classless_options);

    assert_int_equal(l.n_routes, 2);
    assert_int_equal(l.routes[0].len, 0);
    assert_int_equal(l.routes[0].gateway.bytes[3], 7);
    assert_int_equal(l.routes[1].len, 17);
    assert_int_equal(l.routes[1].prefix.bytes[1], 1);
    assert_int_equal(l.routes[1].prefix.bytes[2], 0x80); /* the rest is cut off */
    assert_int_equal(l.routes[1].gateway.bytes[0], 0);
}

static void
overloaded_options(struct reply *m)
{
    add(m, 52, (uint8_t[]){ 3 }, 1);
    memcpy(m->octets + 108, (uint8_t[]){ 6, 4, 192, 0, 2, 53, 255 }, 7);
    memcpy(m->octets + 44, (uint8_t[]){ 26, 2, 5, 120, 255 }, 5);
}

/* RFC 2132 §9.3. */
TEST(options_may_stand_in_file_and_sname)
{
    struct estab_lease l = lease_of(overloaded_options);

    assert_int_equal(l.n_dns, 1);
    assert_int_equal(l.mtu, 1400);
}

static void
odd_options(struct reply *m)
{
    add(m, 15, "evil\033[2J", 8);
    add(m, 26, (uint8_t[]){ 0, 68 }, 2);
    add(m, 200, "whatever", 8);
}

/* Nobody's terminal, and no tiny packets. */
TEST(names_with_other_characters_and_tiny_mtus_are_not_taken)
{
    struct estab_lease l = lease_of(odd_options);

    assert_string_equal(l.domain, "");
    assert_int_equal(l.mtu, 0);
}

TEST(masks_with_holes_are_replaced_by_the_class)
{
    struct estab_dhcp_config cfg = config();
    struct reply m;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    m = bare_reply(DHCP_ACK, 50);
    add(&m, 54, (uint8_t[]){ 192, 0, 2, 1 }, 4);
    add_seconds(&m, 51, 3600);
    add(&m, 1, (uint8_t[]){ 255, 0, 255, 0 }, 4);
    arrives(m, "ACK");
    assert_int_equal(client.lease.prefix_len, 24);
}

/* RFC 2132 §2: each option of a fixed length, with every other length.
 * vuln: DHCP client parsing overflow */
TEST(options_of_a_wrong_length_spoil_the_message)
{
    static const struct {
        uint8_t code, len;
    } bad[] = { { 53, 0 }, { 54, 3 }, { 54, 5 }, { 51, 3 },  { 51, 8 },  { 58, 1 },
                { 59, 5 }, { 1, 3 },  { 26, 1 }, { 26, 3 },  { 3, 0 },   { 3, 5 },
                { 6, 0 },  { 6, 7 },  { 52, 0 }, { 121, 0 }, { 121, 4 }, { 121, 6 } };
    struct estab_dhcp_config cfg = config();
    uint8_t zeros[8] = { 0 };

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    for (unsigned i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        struct reply m = bare_reply(DHCP_OFFER, 50);

        if (bad[i].code == 53)
            m.len -= 3;
        add(&m, bad[i].code, zeros, bad[i].len);
        arrives(m, "DROP_OPTIONS");
    }
    expect_state(ESTAB_DHCP_SELECTING);
}

/* vuln: DHCP client parsing overflow */
TEST(a_message_cut_anywhere_is_noticed)
{
    struct estab_dhcp_config cfg = config();
    struct reply m;

    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    m = reply(DHCP_OFFER, 50, 3600);
    usual_options(&m);
    for (size_t len = 0; len < m.len; len++) {
        unsigned v = estab_dhcp_arrives(&client, m.octets, len, now);

        if (len < 240)
            assert_int_equal(v, ESTAB_DHCP_DROP_SHORT);
        if (v == ESTAB_DHCP_OFFER) { /* cut between two options: what is there will do */
            start(&cfg);
            expect_sent(DHCP_DISCOVER);
        }
    }
    m.octets[239] ^= 1;
    arrives(m, "DROP_SHORT");
}

/* vuln: DHCP client parsing overflow
 * Offers and acknowledgments with any octet altered, in memory of exactly their size, and options with
 * random codes, lengths and contents: what is believed of them is a lease within its bounds. */
TEST(altered_messages_give_a_lease_within_its_bounds_or_none)
{
    struct estab_dhcp_config cfg = config();
    uint32_t seed = 77;
    unsigned leases = 0;

    for (unsigned round = 0; round < 20000; round++) {
        struct reply m;
        uint8_t *exact;

        start(&cfg);
        expect_sent(DHCP_DISCOVER);
        if (round % 2) {
            arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
            expect_sent(DHCP_REQUEST);
        }
        m = reply(round % 2 ? DHCP_ACK : DHCP_OFFER, 50, 3600);
        usual_options(&m);
        m.octets[m.len++] = 255;
        for (unsigned k = 0; k <= round % 4; k++) {
            uint32_t at;

            seed = seed * 1664525 + 1013904223;
            at = round % 3 == 0 ? seed >> 8
                                : DHCP_FIXED + (seed >> 8) % (uint32_t)(m.len - DHCP_FIXED);
            m.octets[at % m.len] = (uint8_t)seed ^ (uint8_t)(seed >> 24);
        }
        exact = malloc(m.len);
        memcpy(exact, m.octets, m.len);
        (void)estab_dhcp_arrives(&client, exact, m.len, now);
        free(exact);
        if (client.state != ESTAB_DHCP_BOUND)
            continue;
        leases++;
        assert_true(client.lease.prefix_len <= 32);
        assert_true(client.lease.n_dns <= ESTAB_DHCP_DNS);
        assert_true(client.lease.n_routes <= ESTAB_DHCP_ROUTES);
        assert_true(memchr(client.lease.domain, 0, sizeof client.lease.domain) != NULL);
        assert_true(client.lease.mtu == 0 || client.lease.mtu >= 68);
        assert_true(client.lease.renew_at <= client.lease.rebind_at &&
                    client.lease.rebind_at <= client.lease.ends_at);
    }
    assert_true(leases > 1000);
}

TEST(more_routes_than_there_is_room_for_are_left_out)
{
    struct estab_dhcp_config cfg = config();
    uint8_t routes[250];
    struct reply m;

    for (unsigned i = 0; i < sizeof routes; i++)
        routes[i] = i % 5 == 0 ? 0 : 10;
    start(&cfg);
    expect_sent(DHCP_DISCOVER);
    arrives(reply(DHCP_OFFER, 50, 3600), "OFFER");
    expect_sent(DHCP_REQUEST);
    m = reply(DHCP_ACK, 50, 3600);
    add(&m, 121, routes, sizeof routes);
    arrives(m, "ACK");
    assert_int_equal(client.lease.n_routes, ESTAB_DHCP_ROUTES);
}

/* --- as packets --- */

TEST(a_message_goes_out_from_0_to_everybody_and_replies_are_found)
{
    struct estab_dhcp_config cfg = config();
    struct estab_dhcp_packet p;
    uint8_t packet[ESTAB_DHCP_IP_PACKET];
    size_t n, len;

    start(&cfg);
    assert_true(estab_dhcp_next_packet(&client, &p, now));
    n = estab_dhcp_write_ip(&p, packet);
    assert_int_equal(n, 28 + p.len);
    assert_memory_equal(packet + 12, "\0\0\0\0\377\377\377\377\0\104\0\103", 12);
    assert_memory_equal(packet + 28, p.octets, p.len);
    assert_null(estab_dhcp_read_ip(packet, n, &len)); /* a request, not a reply */
    /* The ports exchanged: the sum stays right. */
    packet[21] = 67;
    packet[23] = 68;
    assert_ptr_equal(estab_dhcp_read_ip(packet, n, &len), packet + 28);
    assert_int_equal(len, p.len);
    for (size_t cut = 0; cut < n; cut++)
        assert_null(estab_dhcp_read_ip(packet, cut, &len));
    packet[100] ^= 1;
    assert_null(estab_dhcp_read_ip(packet, n, &len));
}

/* RFC 2131 §4.1: to every station until there is a lease, and then to the one that gave it. */
TEST(a_message_in_a_frame_is_found_when_it_is_for_us)
{
    static const uint8_t they[6] = { 2, 0, 0, 0, 0, 1 }, others[6] = { 2, 0, 0, 0, 0, 7 };
    struct estab_dhcp_config cfg = config();
    struct estab_dhcp_packet p;
    uint8_t frame[ESTAB_DHCP_FRAME], from[6];
    size_t n, len;

    start(&cfg);
    assert_true(estab_dhcp_next_packet(&client, &p, now));
    n = estab_dhcp_write_frame(&p, hardware, they, 0, frame);
    assert_int_equal(n, 42 + p.len);
    assert_memory_equal(frame, "\377\377\377\377\377\377\2\0\0\0\0\11\10\0", 14);
    frame[35] = 67; /* as if it were a reply */
    frame[37] = 68;
    assert_ptr_equal(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len), frame + 42);
    assert_int_equal(len, p.len);
    assert_memory_equal(from, hardware, 6);
    for (size_t cut = 0; cut < n; cut++)
        assert_null(estab_dhcp_read_frame(frame, cut, others, 0, false, from, &len));
    memcpy(frame, others, 6);
    assert_ptr_equal(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len), frame + 42);
    assert_null(estab_dhcp_read_frame(frame, n, they, 0, false, from, &len));
    memset(frame, 0xfd, 6); /* a group, but not every station */
    assert_null(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len));
    memcpy(frame, others, 6);
    frame[6] |= 1; /* a group does not send */
    assert_null(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len));
    frame[6] &= 0xfe;
    frame[13] = 6; /* ARP */
    assert_null(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len));

    /* a checksum that no wire has needed is not there yet: who knows says so */
    frame[13] = 0;
    frame[40] ^= 1;
    assert_null(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len));
    assert_ptr_equal(estab_dhcp_read_frame(frame, n, others, 0, true, from, &len), frame + 42);
    /* of a VLAN, and heard only there (IEEE 802.1Q) */
    n = estab_dhcp_write_frame(&p, hardware, they, 7, frame);
    assert_int_equal(n, 46 + p.len);
    assert_memory_equal(frame + 12, "\201\0\0\7\10\0", 6);
    frame[39] = 67;
    frame[41] = 68;
    assert_ptr_equal(estab_dhcp_read_frame(frame, n, others, 7, false, from, &len), frame + 46);
    assert_null(estab_dhcp_read_frame(frame, n, others, 0, false, from, &len));
    assert_null(estab_dhcp_read_frame(frame, n, others, 8, false, from, &len));

    p.dst = estab_addr_v4(192, 0, 2, 1);
    (void)estab_dhcp_write_frame(&p, hardware, they, 0, frame);
    assert_memory_equal(frame, they, 6);
    (void)estab_dhcp_write_frame(&p, hardware, NULL, 0, frame);
    assert_memory_equal(frame, "\377\377\377\377\377\377", 6);
}

TEST(a_configuration_that_cannot_be_is_refused)
{
    struct estab_dhcp_config cfg = config();

    cfg.hardware_len = 17;
    assert_int_equal(estab_dhcp_init(&client, &cfg), -ESTAB_EINVAL);
    cfg = config();
    memset(cfg.secret, 0, sizeof cfg.secret);
    assert_int_equal(estab_dhcp_init(&client, &cfg), -ESTAB_EINVAL);
}
