/* SPDX-License-Identifier: MIT */
/*
 * The DHCP client: RFC 2131 §4.4 and its figure 5. A message is looked at only when transaction and
 * hardware address are ours (§4.1); what it means depends on the state. A lease runs from when its
 * REQUEST was sent, so that it never outlasts the server's (§4.4.1).
 */
#include "estab/dhcp.h"

#include "base/siphash.h"
#include "estab/err.h"
#include "wire/dhcp.h"

#include <string.h>

enum {
    REQUESTS = 5, /* a REQUEST and four more, about a minute (RFC 2131 §3.1) */
    DECLINE_WAIT = 10,
};

const char *
estab_dhcp_state_name(unsigned state)
{
    static const char *const names[] = { "STOPPED", "INIT",  "SELECTING", "REQUESTING", "REBOOTING",
                                         "PROBING", "BOUND", "RENEWING",  "REBINDING" };

    return state < sizeof names / sizeof names[0] ? names[state] : "?";
}

const char *
estab_dhcp_verdict_name(unsigned verdict)
{
    static const char *const names[] = {
#define X(name, text, rule) #name,
        ESTAB_DHCP_VERDICTS(X)
#undef X
    };

    return verdict < sizeof names / sizeof names[0] ? names[verdict] : "?";
}

/* --- chance and time --- */

static uint64_t
draw(struct estab_dhcp *c)
{
    struct siphash_key key = { c->key[0], c->key[1] };
    uint8_t counter[8];

    for (unsigned i = 0; i < 8; i++)
        counter[i] = (uint8_t)(c->drawn >> 8 * i);
    c->drawn++;
    return estab_siphash24(&key, counter, sizeof counter);
}

static estab_time
random_below(struct estab_dhcp *c, estab_time limit)
{
    return limit <= 0 ? 0 : (estab_time)(draw(c) % (uint64_t)limit);
}

/* RFC 2131 §4.1: 4, 8, 16, 32, 64 s, each a second more or less at random. */
static estab_time
retransmission_wait(struct estab_dhcp *c)
{
    unsigned doublings = c->tries < 5 ? c->tries : 5;

    return (ESTAB_SEC(4) << (doublings == 0 ? 0 : doublings - 1)) - ESTAB_SEC(1) +
           random_below(c, ESTAB_SEC(2));
}

/* --- states --- */

/* The only place that writes the state. */
static void
enter(struct estab_dhcp *c, enum estab_dhcp_state state)
{
    c->state = (uint8_t)state;
    c->tries = 0;
}

static void
lose(struct estab_dhcp *c)
{
    if (c->has_lease)
        c->events |= ESTAB_DHCP_LOST;
    c->events &= ~(unsigned)(ESTAB_DHCP_PROBE | ESTAB_DHCP_LEASED | ESTAB_DHCP_RENEWED);
    c->has_lease = false;
}

static void
wait_in_init(struct estab_dhcp *c, estab_time wait, estab_time now)
{
    enter(c, ESTAB_DHCP_INIT);
    if (c->owed != DHCP_DECLINE)
        c->owed = 0;
    c->at = now + wait;
}

static void
begin(struct estab_dhcp *c, estab_time now)
{
    c->begun_at = now;
    c->xid = (uint32_t)(draw(c) >> 32);
    c->at = ESTAB_NEVER;                    /* the clock runs from when the message is handed out */
    if (c->cfg.last.family == ESTAB_INET) { /* INIT-REBOOT, RFC 2131 §3.2 */
        enter(c, ESTAB_DHCP_REBOOTING);
        c->wanted = c->cfg.last;
        c->owed = DHCP_REQUEST;
        return;
    }
    enter(c, ESTAB_DHCP_SELECTING);
    c->owed = DHCP_DISCOVER;
}

/* Refused once: again at once; refused again and again: not faster than a conflict. */
static void
begin_anew(struct estab_dhcp *c, estab_time now)
{
    lose(c);
    c->cfg.last.family = 0;
    if (c->refusals < UINT8_MAX)
        c->refusals++;
    if (c->refusals > 1)
        wait_in_init(c, ESTAB_SEC(DECLINE_WAIT), now);
    else
        begin(c, now);
}

int
estab_dhcp_init(struct estab_dhcp *c, const struct estab_dhcp_config *cfg)
{
    struct siphash_key key = estab_siphash_derive(cfg->secret, "dhcp");
    uint8_t any = 0;

    for (unsigned i = 0; i < sizeof cfg->secret; i++)
        any |= cfg->secret[i];
    if (any == 0 || cfg->hardware_len == 0 || cfg->hardware_len > 16 || cfg->start_delay < 0 ||
        (cfg->hostname != NULL && strlen(cfg->hostname) >= ESTAB_DHCP_TEXT))
        return -ESTAB_EINVAL;
    memset(c, 0, sizeof *c);
    c->cfg = *cfg;
    c->cfg.hostname = NULL;
    if (cfg->hostname != NULL)
        memcpy(c->hostname, cfg->hostname, strlen(cfg->hostname));
    c->key[0] = key.k0;
    c->key[1] = key.k1;
    c->at = ESTAB_NEVER;
    return 0;
}

void
estab_dhcp_start(struct estab_dhcp *c, estab_time now)
{
    lose(c);
    /* Differs from RFC 2131 §4.4.1, which waits one to ten seconds: `start_delay` is 0 unless set,
     * because hosts that are started one at a time do not all ask at once. */
    if (c->cfg.start_delay > 0)
        wait_in_init(c, random_below(c, c->cfg.start_delay), now);
    else
        begin(c, now);
}

void
estab_dhcp_release(struct estab_dhcp *c, estab_time now)
{
    bool had = c->has_lease;

    (void)now;
    enter(c, ESTAB_DHCP_STOPPED);
    c->owed = had ? DHCP_RELEASE : 0;
    c->has_lease = false;
    c->at = ESTAB_NEVER;
}

/* --- out --- */

/* When the message just sent goes out again. RFC 2131 §4.4.5: while renewing, half of what is left
 * until the next state, but not below a minute. */
static estab_time
again_at(struct estab_dhcp *c, estab_time now)
{
    estab_time end = c->state == ESTAB_DHCP_RENEWING ? c->lease.rebind_at : c->lease.ends_at;
    estab_time half = (end - now) / 2;

    if (c->state != ESTAB_DHCP_RENEWING && c->state != ESTAB_DHCP_REBINDING)
        return now + retransmission_wait(c);
    if (half < ESTAB_SEC(60))
        half = ESTAB_SEC(60);
    return now + half < end ? now + half : end;
}

/* Table 5 of RFC 2131 says which fields each request has. */
bool
estab_dhcp_next_packet(struct estab_dhcp *c, struct estab_dhcp_packet *out, estab_time now)
{
    bool has_addr = c->state == ESTAB_DHCP_RENEWING || c->state == ESTAB_DHCP_REBINDING ||
                    c->owed == DHCP_RELEASE;
    estab_time secs = (now - c->begun_at) / ESTAB_SEC(1);
    struct dhcp_message m = {
        .hardware_type = c->cfg.hardware_type,
        .hardware_len = c->cfg.hardware_len,
        .type = c->owed,
        .xid = c->xid,
        .secs = (uint16_t)(secs < 0xffff ? secs : 0xffff),
        .broadcast = c->cfg.broadcast && !has_addr,
    };

    if (c->owed == 0)
        return false;
    memcpy(m.hardware, c->cfg.hardware, c->cfg.hardware_len);
    memcpy(m.name, c->hostname, sizeof m.name);
    if (has_addr)
        m.client = c->lease.addr;
    else if (c->owed != DHCP_DISCOVER)
        m.requested = c->wanted;
    if (c->owed == DHCP_DECLINE || c->owed == DHCP_RELEASE || c->state == ESTAB_DHCP_REQUESTING)
        m.server = c->lease.server;
    if (c->owed == DHCP_DECLINE || c->owed == DHCP_RELEASE)
        m.secs = 0;
    out->len = estab_dhcp_write(out->octets, &m);
    out->src = has_addr ? c->lease.addr : estab_addr_v4(0, 0, 0, 0);
    out->dst = c->state == ESTAB_DHCP_RENEWING || c->owed == DHCP_RELEASE
                   ? c->lease.server
                   : estab_addr_v4(255, 255, 255, 255);
    if (c->owed == DHCP_DISCOVER || c->owed == DHCP_REQUEST) {
        if (c->owed == DHCP_REQUEST && c->tries == 0)
            c->sent_at = now;
        if (c->tries < UINT8_MAX)
            c->tries++;
        c->at = again_at(c, now);
    }
    c->owed = 0;
    return true;
}

/* --- in --- */

/* An address a host can have. */
static bool
is_usable(const struct estab_addr *a)
{
    return a->family == ESTAB_INET && a->bytes[0] != 0 && a->bytes[0] != 127 && a->bytes[0] < 224;
}

/* RFC 1122 §3.2.1.3: without a mask that of the class; one with holes is none. */
static uint8_t
prefix_of(const struct dhcp_message *m)
{
    uint32_t mask = (uint32_t)m->mask[0] << 24 | (uint32_t)m->mask[1] << 16 |
                    (uint32_t)m->mask[2] << 8 | m->mask[3];
    uint8_t len = 0;

    while (len < 32 && (mask << len & 0x80000000u) != 0)
        len++;
    if (m->has_mask && len > 0 && (len == 32 || mask << len == 0))
        return len;
    return m->your.bytes[0] < 128 ? 8 : m->your.bytes[0] < 192 ? 16 : 24;
}

static estab_time
later(estab_time at, estab_time by)
{
    return by < ESTAB_NEVER - at ? at + by : ESTAB_NEVER;
}

/* RFC 2131 §4.4.5: T1 at a half, T2 at seven eighths of the lease, if the server says nothing
 * better, and 0 is not; around T1 some chance, so that hosts do not stay in step. */
static void
set_times(struct estab_dhcp *c, const struct dhcp_message *m)
{
    struct estab_lease *l = &c->lease;
    estab_time lease = ESTAB_SEC(m->lease);
    estab_time t2 = m->has_t2 && m->t2 > 0 ? ESTAB_SEC(m->t2) : lease / 8 * 7;
    estab_time t1;

    l->renew_at = l->rebind_at = l->ends_at = ESTAB_NEVER;
    if (m->lease == UINT32_MAX)
        return;
    if (t2 >= lease)
        t2 = lease / 8 * 7;
    t1 = m->has_t1 && m->t1 > 0 ? ESTAB_SEC(m->t1) : lease / 2 - random_below(c, lease / 64);
    if (t1 >= t2)
        t1 = t2 / 7 * 4;
    l->renew_at = later(c->sent_at, t1);
    l->rebind_at = later(c->sent_at, t2);
    l->ends_at = later(c->sent_at, lease);
}

static void
take_settings(struct estab_dhcp *c, const struct dhcp_message *m)
{
    struct estab_lease *l = &c->lease;

    l->addr = m->your;
    l->server = m->server;
    l->prefix_len = prefix_of(m);
    l->mtu = m->mtu;
    l->n_dns = m->n_dns;
    l->n_routes = m->n_routes;
    memcpy(l->dns, m->dns, sizeof l->dns);
    memcpy(l->routes, m->routes, sizeof l->routes);
    memcpy(l->domain, m->name, sizeof l->domain);
}

static void
become_bound(struct estab_dhcp *c)
{
    enter(c, ESTAB_DHCP_BOUND);
    c->at = c->lease.renew_at;
    c->refusals = 0;
    c->events |= c->has_lease ? ESTAB_DHCP_RENEWED : ESTAB_DHCP_LEASED;
    c->has_lease = true;
}

static unsigned
take_offer(struct estab_dhcp *c, const struct dhcp_message *m)
{
    if (c->state != ESTAB_DHCP_SELECTING || c->tries == 0)
        return ESTAB_DHCP_DROP_STATE;
    if (!is_usable(&m->your) || !is_usable(&m->server) || !m->has_lease || m->lease == 0)
        return ESTAB_DHCP_DROP_INCOMPLETE;
    /* RFC 2131 §4.4.1: which offer is taken is ours to say: the first that will do. */
    c->wanted = m->your;
    c->lease.server = m->server;
    enter(c, ESTAB_DHCP_REQUESTING);
    c->owed = DHCP_REQUEST;
    c->at = ESTAB_NEVER;
    return ESTAB_DHCP_OFFER;
}

/* Is an ACK or NAK waited for, and is this the one? */
static unsigned
check_answer(const struct estab_dhcp *c, const struct dhcp_message *m)
{
    bool waits = c->state == ESTAB_DHCP_REQUESTING || c->state == ESTAB_DHCP_REBOOTING ||
                 c->state == ESTAB_DHCP_RENEWING || c->state == ESTAB_DHCP_REBINDING;
    bool chosen = c->state == ESTAB_DHCP_REQUESTING || c->state == ESTAB_DHCP_RENEWING;

    if (!waits || c->tries == 0)
        return ESTAB_DHCP_DROP_STATE;
    if (!is_usable(&m->server))
        return ESTAB_DHCP_DROP_INCOMPLETE;
    if (chosen && !estab_addr_equal(&m->server, &c->lease.server))
        return ESTAB_DHCP_DROP_SERVER;
    return ESTAB_DHCP_VERDICT_COUNT;
}

static unsigned
take_ack(struct estab_dhcp *c, const struct dhcp_message *m)
{
    bool renews = c->state == ESTAB_DHCP_RENEWING || c->state == ESTAB_DHCP_REBINDING;
    const struct estab_addr *asked = renews ? &c->lease.addr : &c->wanted;

    if (!is_usable(&m->your) || !m->has_lease || m->lease == 0 ||
        !estab_addr_equal(&m->your, asked))
        return ESTAB_DHCP_DROP_INCOMPLETE;
    take_settings(c, m);
    set_times(c, m);
    c->owed = 0;
    if (renews || !c->cfg.probe) {
        become_bound(c);
        return ESTAB_DHCP_ACK;
    }
    enter(c, ESTAB_DHCP_PROBING);
    c->at = c->lease.ends_at;
    c->events |= ESTAB_DHCP_PROBE;
    return ESTAB_DHCP_ACK;
}

static unsigned
judge(struct estab_dhcp *c, const uint8_t *data, size_t len, estab_time now)
{
    struct dhcp_message m;
    unsigned verdict = estab_dhcp_parse(&m, data, len);

    if (verdict != ESTAB_DHCP_VERDICT_COUNT)
        return verdict;
    if (m.op != 2 || m.xid != c->xid || m.hardware_type != c->cfg.hardware_type ||
        m.hardware_len != c->cfg.hardware_len ||
        memcmp(m.hardware, c->cfg.hardware, m.hardware_len) != 0)
        return ESTAB_DHCP_DROP_OTHERS;
    if (m.type == DHCP_OFFER)
        return take_offer(c, &m);
    if (m.type != DHCP_ACK && m.type != DHCP_NAK)
        return ESTAB_DHCP_DROP_STATE;
    verdict = check_answer(c, &m);
    if (verdict != ESTAB_DHCP_VERDICT_COUNT)
        return verdict;
    if (m.type == DHCP_ACK)
        return take_ack(c, &m);
    begin_anew(c, now);
    return ESTAB_DHCP_NAK;
}

unsigned
estab_dhcp_arrives(struct estab_dhcp *c, const uint8_t *data, size_t len, estab_time now)
{
    unsigned verdict = judge(c, data, len, now);

    c->verdicts[verdict]++;
    return verdict;
}

void
estab_dhcp_probed(struct estab_dhcp *c, bool in_use, estab_time now)
{
    bool holds = c->state == ESTAB_DHCP_PROBING || c->has_lease;

    if (!holds)
        return;
    if (in_use) { /* RFC 2131 §3.1: tell the server, and wait ten seconds at least */
        lose(c);
        c->wanted = c->lease.addr;
        c->cfg.last.family = 0;
        c->owed = DHCP_DECLINE;
        wait_in_init(c, ESTAB_SEC(DECLINE_WAIT), now);
    } else if (c->state == ESTAB_DHCP_PROBING) {
        become_bound(c);
    }
}

/* --- time --- */

unsigned
estab_dhcp_take_events(struct estab_dhcp *c)
{
    unsigned events = c->events;

    c->events = 0;
    return events;
}

estab_time
estab_dhcp_deadline(const struct estab_dhcp *c)
{
    return c->at;
}

static void
ask_for_longer(struct estab_dhcp *c, enum estab_dhcp_state state, estab_time now)
{
    if (state == ESTAB_DHCP_RENEWING) {
        c->begun_at = now;
        c->xid = (uint32_t)(draw(c) >> 32);
    }
    enter(c, state);
    c->owed = DHCP_REQUEST;
    c->at = ESTAB_NEVER;
}

static void
retransmit(struct estab_dhcp *c, uint8_t type)
{
    c->owed = type;
    c->at = ESTAB_NEVER;
}

void
estab_dhcp_timeouts(struct estab_dhcp *c, estab_time now)
{
    if (now < c->at)
        return;
    switch (c->state) {
    case ESTAB_DHCP_INIT:
        begin(c, now);
        break;
    case ESTAB_DHCP_SELECTING:
        retransmit(c, DHCP_DISCOVER);
        break;
    case ESTAB_DHCP_REQUESTING:
    case ESTAB_DHCP_REBOOTING:
        if (c->tries < REQUESTS) {
            retransmit(c, DHCP_REQUEST);
        } else {
            c->cfg.last.family = 0;
            begin(c, now);
        }
        break;
    case ESTAB_DHCP_BOUND:
        ask_for_longer(c, ESTAB_DHCP_RENEWING, now);
        break;
    case ESTAB_DHCP_RENEWING:
        if (now >= c->lease.rebind_at)
            ask_for_longer(c, ESTAB_DHCP_REBINDING, now);
        else
            retransmit(c, DHCP_REQUEST);
        break;
    case ESTAB_DHCP_REBINDING:
        if (now < c->lease.ends_at) {
            retransmit(c, DHCP_REQUEST);
            break;
        }
        /* fall through */
    case ESTAB_DHCP_PROBING:
        lose(c);
        begin(c, now);
        break;
    default:
        c->at = ESTAB_NEVER;
        break;
    }
}
