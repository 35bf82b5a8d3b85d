/* SPDX-License-Identifier: MIT */
/* The ladder harness; see peer.h. */
#include "harness/peer.h"
#include "stack/lab.h"

#include "harness/invariants.h"
#include "wire/checksum.h"
#include "wire/icmp.h"
#include "wire/ip_header.h"

#include <stdlib.h>
#include <string.h>

unsigned peer_family = 4;

#define LADDER_MAX 65536

/* ---- memory and trace ---- */

static void *
heap_get(void *ctx, size_t size, size_t align)
{
    struct peer *p = ctx;
    void *m;

    p->gets++;
    if (p->fail_at != 0 && p->gets >= p->fail_at)
        return NULL;
    m = aligned_alloc(align, (size + align - 1) / align * align);
    if (m != NULL) {
        memset(m, 0xa5, size);
        p->heap += size;
    }
    return m;
}

static void
heap_put(void *ctx, void *m, size_t size)
{
    struct peer *p = ctx;

    p->heap -= size;
    free(m);
}

static const char *
ctl_text(uint8_t ctl, char *buf)
{
    static const char *const names[] = { "FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR" };
    static const uint8_t order[] = { 1, 0, 2, 4, 5, 6, 7 }; /* PSH is not shown */

    buf[0] = '\0';
    for (size_t i = 0; i < sizeof(order); i++)
        if (ctl & 1u << order[i]) {
            if (buf[0] != '\0')
                strcat(buf, ",");
            strcat(buf, names[order[i]]);
        }
    return buf;
}

static uint32_t
to_test(const struct peer *p, uint32_t seq)
{
    return seq - p->iss + ISS;
}

static void
note(struct peer *p, const char *format, ...)
{
    va_list ap;
    int n;

    if (p->ladder_len + 256 > LADDER_MAX)
        return;
    va_start(ap, format);
    n = vsnprintf(p->ladder + p->ladder_len, LADDER_MAX - p->ladder_len, format, ap);
    va_end(ap);
    p->ladder_len += (size_t)n;
}

static void
on_trace(void *ctx, const struct estab_trace *t)
{
    struct peer *p = ctx;
    char ctl[64];
    double ms = (double)t->at / 1e6;

    switch (t->kind) {
    case ESTAB_TRACE_PACKET_IN:
        p->last_verdict = (uint8_t)t->verdict;
        note(p, "%12.3f  --> <SEQ=%u><ACK=%u><CTL=%s> len %u wnd %u   %s  %s\n", ms, t->seg.seq,
             t->seg.ctl & CTL_ACK ? to_test(p, t->seg.ack) : 0, ctl_text(t->seg.ctl, ctl),
             t->seg.len, t->seg.wnd, estab_verdict_name(t->verdict),
             estab_state_name(t->state_after));
        break;
    case ESTAB_TRACE_PACKET_OUT:
        if (t->proto == 6 && t->seg.ctl & CTL_SYN && !p->iss_known) {
            p->iss = t->seg.seq;
            p->iss_known = true;
        }
        note(p, "%12.3f  <-- <SEQ=%u><ACK=%u><CTL=%s> len %u wnd %u   %s  %s\n", ms,
             to_test(p, t->seg.seq), t->seg.ack, ctl_text(t->seg.ctl, ctl), t->seg.len, t->seg.wnd,
             estab_reason_name(t->reason), estab_state_name(t->state_after));
        if (p->n < PEER_CAPTURE) {
            struct captured *c = &p->out[(p->first + p->n) % PEER_CAPTURE];

            c->reason = (uint8_t)t->reason;
            c->proto = t->proto;
            c->at = t->at;
        }
        break;
    case ESTAB_TRACE_STATE:
        note(p, "%12.3f      %s -> %s: %s\n", ms, estab_state_name(t->state_before),
             estab_state_name(t->state_after), estab_cause_text(t->cause));
        break;
    case ESTAB_TRACE_TIMER:
        note(p, "%12.3f      timer: %s\n", ms, estab_timer_text(t->timer));
        break;
    case ESTAB_TRACE_RECOVERY:
        note(p, "%12.3f      %s: cwnd %u, ssthresh %u\n", ms, estab_recovery_text(t->recovery),
             t->tcb.cwnd, t->tcb.ssthresh);
        break;
    default:
        break;
    }
}

_Noreturn void
peer_fails(const char *file, int line, struct peer *p, const char *what, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, what);
    vsnprintf(text, sizeof(text), what, ap);
    va_end(ap);
    print_message("%s:%d: IPv%u: %s\nthe ladder so far (their side | ours):\n%s", file, line,
                  peer_family, text, p->ladder);
    _fail(file, line);
    abort();
}

/* ---- worlds ---- */

struct estab_config
peer_config(const char *profile)
{
    struct estab_config cfg;

    estab_config_init(&cfg);
    if (profile != NULL)
        assert_int_equal(estab_config_profile(&cfg, profile), 0);
    memset(cfg.secret, 7, sizeof(cfg.secret));
    /* windows that do not depend on how fast a test reads; autotune_test.c does not want that */
    cfg.tcp.send_buffer = cfg.tcp.receive_buffer = 0;
    if (cfg.tcp.send_buffer_max > 256 * 1024)
        cfg.tcp.send_buffer_max = cfg.tcp.receive_buffer_max = 256 * 1024;
    return cfg;
}

static struct estab_endpoint
endpoint(unsigned last, uint16_t port)
{
    struct estab_endpoint e = { .port = port };
    char text[32];

    snprintf(text, sizeof(text), peer_family == 4 ? "192.0.2.%u" : "2001:db8::%u", last);
    assert_int_equal(estab_addr_parse(&e.addr, text), 0);
    return e;
}

#ifdef ESTAB_LAB
static bool
names_rule(const char *list, const char *name)
{
    size_t len = strlen(name);

    for (const char *at = list; (at = strstr(at, name)) != NULL; at += len)
        if ((at == list || at[-1] == ',') && (at[len] == '\0' || at[len] == ','))
            return true;
    return false;
}
#endif

/* With the library of the lab, ESTAB_WITHOUT=paws,nagle in the environment takes these rules away from
 * every host, and a test that is about one of them must fail (tools/rfc-map --bite). */
static void
without_rules(struct estab_stack *stack)
{
#ifdef ESTAB_LAB
    static struct estab_rules rules;
    const char *without = getenv("ESTAB_WITHOUT");

    if (stack == NULL || without == NULL)
        return;
    rules = estab_all_rules;
#define X(name, text, rule)                                                                        \
    if (names_rule(without, #name))                                                                \
        rules.name = false;
    ESTAB_RULES(X)
#undef X
    estab_lab_set_rules(stack, &rules);
#else
    (void)stack;
#endif
}

struct peer *
peer_host_with(const struct estab_config *cfg)
{
    struct estab_link link = { .mtu = 1500 };
    struct peer *p = calloc(1, sizeof(*p));

    p->cfg = *cfg;
    p->now = SEC(1000);
    p->ifindex = 1;
    p->us = endpoint(1, 80);
    p->them = endpoint(2, 40000);
    p->out = calloc(PEER_CAPTURE, sizeof(*p->out));
    p->ladder = calloc(1, LADDER_MAX);
    p->ts_clock = 5000;
    p->cfg.alloc = (struct estab_alloc){ .get = heap_get, .put = heap_put, .ctx = p };
    p->cfg.trace = on_trace;
    p->cfg.trace_ctx = p;
    p->stack = estab_stack_new(&p->cfg);
    without_rules(p->stack);
    assert_non_null(p->stack);
    assert_int_equal(estab_stack_add_interface(p->stack, &link), 1);
    assert_int_equal(estab_stack_add_address(p->stack, 1, &p->us.addr, peer_family == 4 ? 24 : 64),
                     0);
    return p;
}

struct peer *
peer_host(const char *profile)
{
    struct estab_config cfg = peer_config(profile);

    return peer_host_with(&cfg);
}

static void
free_peer(struct peer *p)
{
    estab_stack_shutdown(p->stack, ESTAB_SHUTDOWN_RST, p->now);
    check_host_is_empty(p->stack);
    estab_stack_free(p->stack);
    assert_int_equal(p->heap, 0);
    free(p->out);
    free(p->ladder);
    free(p);
}

void
peer_done_quietly(struct peer *p)
{
    free_peer(p);
}

void
peer_done(struct peer *p)
{
    expect_nothing_sent(p);
    free_peer(p);
}

/* ---- packets ---- */

uint32_t
real_seq(const struct peer *p, uint32_t seq)
{
    return seq - ISS + p->iss;
}

/* The n-th octet of the peer's stream and of ours. */
static uint8_t
their_octet(uint32_t seq)
{
    return (uint8_t)(seq * 7 + (seq >> 8) * 3 + 1);
}

static uint8_t
our_octet(uint32_t offset)
{
    return (uint8_t)(offset * 5 + (offset >> 8) * 11 + 2);
}

void
peer_fixes_checksum(uint8_t *packet, uint32_t len)
{
    unsigned v6 = packet[0] >> 4 == 6;
    uint32_t ip_len = v6 ? 40 : 20;
    const uint8_t *src = packet + (v6 ? 8 : 12), *dst = packet + (v6 ? 24 : 16);
    uint64_t sum;
    uint16_t c;

    memset(packet + ip_len + 16, 0, 2);
    sum = estab_csum_pseudo(src, dst, v6 ? 16 : 4, 6, len - ip_len);
    c = (uint16_t)~csum_fold(estab_csum_add(packet + ip_len, len - ip_len, sum));
    memcpy(packet + ip_len + 16, &c, 2);
}

uint32_t
peer_writes(struct peer *p, uint16_t port, struct step s, uint8_t *packet)
{
    unsigned v6 = peer_family == 6, addr_len = v6 ? 16 : 4;
    uint32_t ip_len = v6 ? 40 : 20, header;
    struct tcp_seg seg = {
        .src_port = port,
        .dst_port = p->us.port,
        .ctl = (uint8_t)(s.ctl | (s.ace > 0 && (s.ace - 1) & 2 ? CTL_CWR : 0) |
                         (s.ace > 0 && (s.ace - 1) & 1 ? CTL_ECE : 0)),
        .ae = s.ace > 0 && (s.ace - 1) & 4,
        .seq = s.seq,
        .ack = s.ctl & CTL_ACK ? real_seq(p, s.ack) : s.ack,
        .wnd = (uint16_t)(s.wnd == 0  ? 65535
                          : s.wnd < 0 ? 0
                                      : s.wnd),
        .up = s.up,
        .len = s.len,
        .has_mss = s.mss != 0,
        .mss = s.mss,
        .has_wscale = s.ws != 0,
        .wscale = (uint8_t)(s.ws - 1),
        .sack_permitted = s.sackok,
        .has_ts = s.ts_val != 0 || s.ts_ecr != 0,
        .ts_val = s.ts_val,
        .ts_ecr = s.ts_ecr,
        .has_user_timeout = s.uto != 0,
        .user_timeout = s.uto == UINT32_MAX ? 0 : s.uto,
        .has_accecn = s.accecn != 0,
        .accecn_order = (uint8_t)(s.accecn - 1),
        .accecn_fields = s.counters,
        .accecn = { s.counted[0], s.counted[1], s.counted[2] },
        .has_fast_open = s.fast_open != 0,
        .fast_open_len = (uint8_t)(s.fast_open - (s.fast_open != 0)),
        .fast_open = p->cookie,
    };

    if (!seg.has_ts && p->timestamps && !s.no_ts) {
        seg.has_ts = true;
        seg.ts_val = p->ts_clock + (uint32_t)(p->now / MS(1));
        seg.ts_ecr = p->our_ts;
    }
    for (unsigned i = 0; i < 4 && s.sack[i][1] != s.sack[i][0]; i++) {
        seg.sack[i][0] = real_seq(p, s.sack[i][0]);
        seg.sack[i][1] = real_seq(p, s.sack[i][1]);
        seg.sack_blocks = (uint8_t)(i + 1);
    }
    header = estab_tcp_write(packet + ip_len, &seg, ESTAB_SYN_LAYOUT_LINUX);
    for (uint32_t i = 0; i < s.len; i++)
        packet[ip_len + header + i] = their_octet(s.seq + ((s.ctl & CTL_SYN) != 0) + i);
    estab_ip_write(packet, peer_family, IP_PROTO_TCP, s.ttl != 0 ? s.ttl : 64, s.ip_ecn,
                   p->them.addr.bytes, p->us.addr.bytes, 1, header + s.len);
    (void)addr_len;
    peer_fixes_checksum(packet, ip_len + header + s.len);
    return ip_len + header + s.len;
}

static void
take_events(struct peer *p)
{
    struct estab_event e[16];
    size_t n;

    while ((n = estab_stack_events(p->stack, e, 16)) > 0)
        for (size_t i = 0; i < n; i++)
            if (e[i].conn == p->listener)
                p->listener_events |= e[i].bits;
            else if (e[i].conn == p->conn)
                p->events |= e[i].bits;
}

/* Everything the host has to send goes into the queue. */
static void
pull(struct peer *p)
{
    for (;;) {
        struct captured *c = &p->out[(p->first + p->n) % PEER_CAPTURE];
        struct estab_frame f = { .data = c->packet, .cap = sizeof(c->packet) };
        struct ip_header ip;
        enum estab_verdict v;

        if (p->n == PEER_CAPTURE)
            peer_fails(__FILE__, __LINE__, p, "more than %d packets sent", PEER_CAPTURE);
        memset(c, 0, sizeof(*c));
        if (estab_stack_output(p->stack, p->ifindex, &f, 1, p->now) == 0)
            break;
        c->packet_len = f.len;
        v = estab_ip_parse(&ip, c->packet, f.len, false);
        if (v != ESTAB_SEG_NONE && !ip.fragment)
            peer_fails(__FILE__, __LINE__, p, "our packet: %s", estab_verdict_text(v));
        c->ttl = ip.ttl;
        c->tos = ip.tos;
        if (v == ESTAB_SEG_NONE && ip.proto == IP_PROTO_TCP) {
            /* (MUST-2) every checksum of ours is right */
            uint64_t sum = estab_csum_pseudo(ip.src, ip.dst, ip.addr_len, 6, ip.payload_len);

            if (csum_fold(estab_csum_add(ip.payload, ip.payload_len, sum)) != 0xffff)
                peer_fails(__FILE__, __LINE__, p, "our checksum is wrong");
            assert_int_equal(estab_tcp_parse(&c->seg, ip.payload, ip.payload_len), ESTAB_SEG_NONE);
            if (c->seg.has_ts)
                p->our_ts = c->seg.ts_val;
            if (c->seg.has_fast_open)
                memcpy(p->cookie, c->seg.fast_open, c->seg.fast_open_len);
        }
        p->n++;
    }
    take_events(p);
    check_invariants(p->stack);
}

static void
input(struct peer *p, const struct estab_frame *f, size_t n)
{
    estab_stack_input(p->stack, p->ifindex, f, n, p->now);
    take_events(p);
    pull(p);
}

void
peer_sends_raw(struct peer *p, const void *packet, uint32_t len)
{
    uint8_t *copy = malloc(len > 0 ? len : 1); /* exact size, for the sanitizer */
    struct estab_frame f = { .data = copy, .len = len };

    memcpy(copy, packet, len);
    input(p, &f, 1);
    free(copy);
}

void
peer_sends_from(struct peer *p, uint16_t port, struct step s)
{
    static uint8_t packet[70000];

    peer_sends_raw(p, packet, peer_writes(p, port, s, packet));
}

void
peer_sends_at(const char *file, int line, struct peer *p, struct step s)
{
    (void)file;
    (void)line;
    peer_sends_from(p, p->them.port, s);
}

void
peer_sends_batch(struct peer *p, const struct step *s, unsigned n)
{
    static uint8_t packets[64][2048];
    struct estab_frame f[64];

    assert_in_range(n, 1, 64);
    for (unsigned i = 0; i < n; i++)
        f[i] = (struct estab_frame){ .data = packets[i],
                                     .len = peer_writes(p, p->them.port, s[i], packets[i]) };
    input(p, f, n);
}

void
peer_sends_icmp(struct peer *p, uint8_t type, uint8_t code, uint32_t rest, uint32_t seq)
{
    uint8_t quoted[60] = { 0 }, packet[200];
    uint32_t ip_len = peer_family == 6 ? 40 : 20, len;
    struct tcp_seg seg = {
        .src_port = p->us.port, .dst_port = p->them.port, .seq = real_seq(p, seq), .ctl = CTL_ACK
    };

    estab_tcp_write(quoted + ip_len, &seg, 0);
    estab_ip_write(quoted, peer_family, IP_PROTO_TCP, 64, 0, p->us.addr.bytes, p->them.addr.bytes,
                   0, 20);
    len = estab_icmp_write(packet + ip_len, peer_family, type, code, rest, quoted, ip_len + 20,
                           p->them.addr.bytes, p->us.addr.bytes);
    estab_ip_write(packet, peer_family, peer_family == 6 ? IP_PROTO_ICMPV6 : IP_PROTO_ICMP, 64, 0,
                   p->them.addr.bytes, p->us.addr.bytes, 0, len);
    peer_sends_raw(p, packet, ip_len + len);
}

/* ---- what we sent ---- */

struct captured *
peer_takes(struct peer *p)
{
    struct captured *c;

    if (p->n == 0)
        peer_fails(__FILE__, __LINE__, p, "expected a packet, nothing was sent");
    c = &p->out[p->first];
    p->first = (p->first + 1) % PEER_CAPTURE;
    p->n--;
    return c;
}

void
peer_forgets(struct peer *p)
{
    p->n = 0;
}

static void
print_step(char *buf, size_t size, struct step s)
{
    char ctl[64];

    snprintf(buf, size, "<SEQ=%u><ACK=%u><CTL=%s>%s%u", s.seq, s.ack, ctl_text(s.ctl, ctl),
             s.len > 0 ? " len " : " ", s.len);
}

static unsigned
ace_of(const struct tcp_seg *seg)
{
    return (seg->ae ? 4u : 0) | (seg->ctl & CTL_CWR ? 2u : 0) | (seg->ctl & CTL_ECE ? 1u : 0);
}

void
expect_sent_at(const char *file, int line, struct peer *p, struct step s)
{
    uint8_t mask = (uint8_t)~CTL_PSH;
    char want[128], got[128];
    struct captured *c;
    struct step seen;

    print_step(want, sizeof(want), s);
    if (p->n == 0)
        peer_fails(file, line, p, "expected %s, nothing was sent", want);
    c = peer_takes(p);
    if (c->proto != 6)
        peer_fails(file, line, p, "expected %s, got a packet of protocol %u", want, c->proto);
    seen = (struct step){ .ctl = c->seg.ctl,
                          .seq = to_test(p, c->seg.seq),
                          .ack = c->seg.ctl & CTL_ACK ? c->seg.ack : 0,
                          .len = c->seg.len };
    /* <SEQ=0> is literal */
    if (c->seg.ctl & CTL_RST && c->seg.seq == 0)
        seen.seq = 0;
    print_step(got, sizeof(got), seen);
    if (s.ctl & CTL_PSH)
        mask = 0xff; /* compared when named */
    if (s.ace != 0)
        mask &= (uint8_t) ~(CTL_ECE | CTL_CWR);
    if ((seen.ctl & mask) != (s.ctl & mask) || seen.seq != s.seq || seen.ack != s.ack ||
        seen.len != s.len)
        peer_fails(file, line, p, "expected %s, got %s (%s)", want, got,
                   estab_reason_text(c->reason));
    if (s.ace != 0 && s.ace - 1u != ace_of(&c->seg))
        peer_fails(file, line, p, "expected ACE %u, got %u", s.ace - 1u, ace_of(&c->seg));
    if (s.ip_ecn != (c->tos & 3))
        peer_fails(file, line, p, "expected ECN field %u, got %u", s.ip_ecn, c->tos & 3u);
    if (s.wnd != 0 && c->seg.wnd != (s.wnd < 0 ? 0 : s.wnd))
        peer_fails(file, line, p, "expected window %d, got %u", s.wnd < 0 ? 0 : s.wnd, c->seg.wnd);
    if (s.mss != 0 && (!c->seg.has_mss || c->seg.mss != s.mss))
        peer_fails(file, line, p, "expected MSS %u, got %u", s.mss, c->seg.mss);
    if (s.ws != 0 && (!c->seg.has_wscale || c->seg.wscale != s.ws - 1))
        peer_fails(file, line, p, "expected window scale %d, got %u", s.ws - 1, c->seg.wscale);
    if (s.sackok && !c->seg.sack_permitted)
        peer_fails(file, line, p, "expected SACK-permitted");
    if (s.up != 0 && c->seg.up != s.up)
        peer_fails(file, line, p, "expected urgent pointer %u, got %u", s.up, c->seg.up);
    if (s.ts_ecr != 0 && (!c->seg.has_ts || c->seg.ts_ecr != s.ts_ecr))
        peer_fails(file, line, p, "expected TSecr %u, got %u", s.ts_ecr, c->seg.ts_ecr);
    if (s.ctl & CTL_SYN && s.fast_open != (c->seg.has_fast_open ? c->seg.fast_open_len + 1 : 0))
        peer_fails(file, line, p, "expected Fast Open %d, got %d", s.fast_open - 1,
                   c->seg.has_fast_open ? c->seg.fast_open_len : -1);
    if (s.reason != 0 && c->reason != s.reason)
        peer_fails(file, line, p, "expected reason %s, got %s", estab_reason_name(s.reason),
                   estab_reason_name(c->reason));
    for (unsigned i = 0; i < 4 && s.sack[i][0] != s.sack[i][1]; i++)
        if (i >= c->seg.sack_blocks || c->seg.sack[i][0] != s.sack[i][0] ||
            c->seg.sack[i][1] != s.sack[i][1])
            peer_fails(file, line, p, "SACK block %u is not %u:%u", i, s.sack[i][0], s.sack[i][1]);
    for (uint32_t i = 0; i < c->seg.len && p->iss_known; i++)
        if (c->seg.text[i] != our_octet(c->seg.seq + !!(s.ctl & CTL_SYN) + i - p->iss - 1))
            peer_fails(file, line, p, "octet %u of our stream is wrong",
                       c->seg.seq + i - p->iss - 1);
}

void
expect_nothing_sent_at(const char *file, int line, struct peer *p)
{
    char got[128];

    if (p->n == 0)
        return;
    struct captured *c = peer_takes(p);

    print_step(got, sizeof(got),
               (struct step){ .ctl = c->seg.ctl,
                              .seq = to_test(p, c->seg.seq),
                              .ack = c->seg.ack,
                              .len = c->seg.len });
    peer_fails(file, line, p, "expected nothing, got %s (%s)", got, estab_reason_text(c->reason));
}

/* ---- what we are ---- */

static bool
same_ends(const struct peer *p, const struct estab_status *st)
{
    return st->local.port == p->us.port && st->remote.port == p->them.port &&
           estab_addr_equal(&st->local.addr, &p->us.addr) &&
           estab_addr_equal(&st->remote.addr, &p->them.addr);
}

static bool
find(struct peer *p, struct estab_status *out)
{
    uint64_t cursor = 0;

    while (estab_stack_next(p->stack, &cursor, out))
        if (same_ends(p, out))
            return true;
    return false;
}

uint8_t
peer_state(struct peer *p)
{
    struct estab_status st;

    if (find(p, &st))
        return st.state;
    return p->listener != 0 ? TCPS(LISTEN) : TCPS(CLOSED);
}

void
expect_state_at(const char *file, int line, struct peer *p, uint8_t state)
{
    uint8_t is = peer_state(p);

    if (is != state)
        peer_fails(file, line, p, "expected state %s, is %s", estab_state_name(state),
                   estab_state_name(is));
}

void
expect_unchanged_at(const char *file, int line, struct peer *p, const struct estab_status *before)
{
    struct estab_status now = user_status(p);
    const struct estab_trace_tcb *a = &before->tcb, *b = &now.tcb;

    if (now.state != before->state || now.error != before->error ||
        now.soft_error != before->soft_error || now.mss != before->mss ||
        now.bytes_sent != before->bytes_sent || now.bytes_received != before->bytes_received ||
        now.urgent_left != before->urgent_left)
        peer_fails(file, line, p, "the connection has changed");
    if (a->snd_una != b->snd_una || a->snd_nxt != b->snd_nxt || a->snd_wnd != b->snd_wnd ||
        a->rcv_nxt != b->rcv_nxt || a->rcv_wnd != b->rcv_wnd)
        peer_fails(file, line, p, "a sequence variable has changed");
    if (a->cwnd != b->cwnd || a->ssthresh != b->ssthresh || a->srtt_us != b->srtt_us ||
        a->rto_us != b->rto_us || a->timer != b->timer || a->timer_at != b->timer_at)
        peer_fails(file, line, p, "a timer or congestion variable has changed");
    if (a->send_queued != b->send_queued || a->receive_queued != b->receive_queued ||
        a->send_ring != b->send_ring || a->receive_ring != b->receive_ring)
        peer_fails(file, line, p, "a buffer has changed");
}

void
expect_gone_at(const char *file, int line, struct peer *p)
{
    struct estab_status st;

    if (find(p, &st) && st.state != TCPS(CLOSED))
        peer_fails(file, line, p, "expected no record, there is one in %s",
                   estab_state_name(st.state));
}

void
expect_verdict_at(const char *file, int line, struct peer *p, uint8_t verdict)
{
    if (p->last_verdict != verdict)
        peer_fails(file, line, p, "expected verdict %s, was %s", estab_verdict_name(verdict),
                   estab_verdict_name(p->last_verdict));
}

void
expect_event_at(const char *file, int line, struct peer *p, uint32_t bits)
{
    take_events(p);
    if ((p->events & bits) != bits)
        peer_fails(file, line, p, "expected event bits 0x%x, have 0x%x", bits, p->events);
    p->events &= ~bits;
}

void
expect_no_event_at(const char *file, int line, struct peer *p)
{
    take_events(p);
    if (p->events != 0)
        peer_fails(file, line, p, "expected no event, have 0x%x", p->events);
}

/* ---- time ---- */

static bool
step_to(struct peer *p, estab_time until)
{
    estab_time at = estab_stack_deadline(p->stack);

    if (at > until) {
        p->now = until;
        return false;
    }
    if (at > p->now)
        p->now = at;
    estab_stack_tick(p->stack, p->now);
    pull(p);
    return true;
}

void
time_passes(struct peer *p, estab_time ns)
{
    estab_time until = p->now + ns;
    unsigned steps = 0;

    pull(p);

    while (step_to(p, until))
        if (++steps > 1000000)
            peer_fails(__FILE__, __LINE__, p, "the deadline does not move");
}

estab_time
time_until_sent(struct peer *p, estab_time ns)
{
    estab_time from = p->now, until = p->now + ns;
    unsigned before = p->n;

    while (p->n == before && step_to(p, until))
        ;
    return p->now - from;
}

/* ---- the user ---- */

static uint32_t
our_offset(struct peer *p)
{
    struct estab_status st;

    assert_int_equal(estab_status(p->stack, p->conn, &st), 0);
    /* the ring begins at SND.UNA, or behind our SYN */
    return (st.tcb.snd_una == st.tcb.iss ? 0 : st.tcb.snd_una - st.tcb.iss - 1) +
           st.tcb.send_queued;
}

ptrdiff_t
user_sends(struct peer *p, uint32_t len)
{
    struct estab_status st;
    uint8_t *data;
    ptrdiff_t n;
    uint32_t at;

    if (estab_status(p->stack, p->conn, &st) < 0)
        return -ESTAB_EBADF;
    at = our_offset(p);
    data = malloc(len + 1);
    for (uint32_t i = 0; i < len; i++)
        data[i] = our_octet(at + i);
    n = estab_send(p->stack, p->conn, data, len, p->now);
    free(data);
    pull(p);
    return n;
}

void
user_receives(struct peer *p, uint32_t len)
{
    struct estab_status st;
    uint8_t *buf = malloc(len + 1);
    uint32_t seq;

    assert_int_equal(estab_status(p->stack, p->conn, &st), 0);
    seq = st.tcb.rcv_nxt - st.tcb.receive_queued;
    if (st.tcb.receive_queued == 0 || len > st.tcb.receive_queued)
        peer_fails(__FILE__, __LINE__, p, "user wants %u octets, %u are there", len,
                   st.tcb.receive_queued);
    if (st.state == TCPS(CLOSE_WAIT) || st.state == TCPS(LAST_ACK) || st.state == TCPS(CLOSING) ||
        st.state == TCPS(TIME_WAIT))
        seq--; /* RCV.NXT is behind the FIN */
    assert_int_equal(estab_receive(p->stack, p->conn, buf, len, p->now), len);
    for (uint32_t i = 0; i < len; i++)
        if (buf[i] != their_octet(seq + i))
            peer_fails(__FILE__, __LINE__, p, "octet %u of their stream is wrong", seq + i);
    free(buf);
    pull(p);
}

ptrdiff_t
user_tries_to_receive(struct peer *p)
{
    uint8_t octet;
    ptrdiff_t n = estab_receive(p->stack, p->conn, &octet, 1, p->now);

    pull(p);
    return n;
}

int
user_closes(struct peer *p)
{
    int err = estab_shutdown(p->stack, p->conn, p->now);

    pull(p);
    return err;
}

int
user_leaves(struct peer *p)
{
    int err = estab_close(p->stack, p->conn, p->now);

    pull(p);
    return err;
}

int
user_aborts(struct peer *p)
{
    int err = estab_abort(p->stack, p->conn, p->now);

    pull(p);
    return err;
}

void
user_accepts(struct peer *p)
{
    int err = estab_accept(p->stack, p->listener, &p->conn, p->now);

    if (err != 0)
        peer_fails(__FILE__, __LINE__, p, "accept: %s", estab_err_text(err));
    p->events = 0;
    take_events(p);
}

void
user_opens(struct peer *p)
{
    struct estab_endpoint from = { .port = p->us.port };
    int err = estab_connect(p->stack, &from, &p->them, NULL, &p->conn, p->now);

    if (err != 0)
        peer_fails(__FILE__, __LINE__, p, "connect: %s", estab_err_text(err));
    pull(p);
}

struct estab_status
user_status(struct peer *p)
{
    struct estab_status st;

    assert_int_equal(estab_status(p->stack, p->conn, &st), 0);
    return st;
}

void
user_sets(struct peer *p, const struct estab_tcp_options *opt)
{
    assert_int_equal(estab_set_options(p->stack, p->conn, opt, p->now), 0);
    pull(p);
}

struct estab_tcp_options
user_options(struct peer *p)
{
    struct estab_tcp_options opt;

    assert_int_equal(estab_get_options(p->stack, p->conn, &opt), 0);
    return opt;
}

/* ---- states, reached by exchanging segments ---- */

struct peer *
peer_of_listener_with(const struct estab_config *cfg)
{
    struct peer *p = peer_host_with(cfg);
    struct estab_endpoint at = { .port = 80 };

    assert_int_equal(estab_listen(p->stack, &at, 8, NULL, &p->listener, p->now), 0);
    return p;
}

bool peer_cwnd_validation = true;

struct peer *
peer_with_cc(uint8_t cc)
{
    struct estab_config cfg = peer_config(NULL);
    struct peer *p;

    cfg.tcp.cc = cc;
    cfg.cwnd_validation = peer_cwnd_validation;
    cfg.tcp.send_buffer_max = 1 << 22;
    p = peer_of_listener_with(&cfg);
    peer_sends(p, .ctl = CTL_SYN, .seq = 100, .mss = 1000, .ws = 8);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = 101);
    time_passes(p, MS(100));
    peer_sends(p, .ctl = CTL_ACK, .seq = 101, .ack = ISS + 1);
    user_accepts(p);
    return p;
}

struct peer *
peer_of_listener(void)
{
    struct estab_config cfg = peer_config(NULL);

    return peer_of_listener_with(&cfg);
}

struct peer *
peer_in_syn_received(void)
{
    struct peer *p = peer_of_listener();

    peer_sends(p, .ctl = CTL_SYN, .seq = IRS, .mss = 1460);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = IRS + 1,
                .mss = peer_family == 4 ? 1460 : 1440);
    expect_state(p, TCPS(SYN_RECEIVED));
    return p;
}

struct peer *
peer_in_syn_sent(void)
{
    struct peer *p = peer_host(NULL);

    p->us.port = 33000;
    p->them.port = 80;
    user_opens(p);
    expect_sent(p, .ctl = CTL_SYN, .seq = ISS);
    expect_state(p, TCPS(SYN_SENT));
    return p;
}

struct peer *
peer_in_established_with(const struct estab_config *cfg, struct step syn)
{
    struct peer *p = peer_of_listener_with(cfg);

    syn.ctl = CTL_SYN;
    syn.seq = IRS;
    if (syn.ts_val != 0) {
        p->ts_clock = syn.ts_val - (uint32_t)(p->now / MS(1));
        p->timestamps = true;
    }
    peer_sends_from(p, p->them.port, syn);
    expect_sent(p, .ctl = CTL_SYN | CTL_ACK, .seq = ISS, .ack = IRS + 1);
    peer_sends(p, .ctl = CTL_ACK, .seq = IRS + 1, .ack = ISS + 1, .wnd = syn.wnd);
    expect_nothing_sent(p);
    user_accepts(p);
    expect_state(p, TCPS(ESTABLISHED));
    return p;
}

struct peer *
peer_in_established(void)
{
    struct estab_config cfg = peer_config(NULL);

    return peer_in_established_with(&cfg, (struct step){ .mss = 1460 });
}

struct peer *
peer_in_established_active(void)
{
    struct peer *p = peer_in_syn_sent();

    peer_sends(p, .ctl = CTL_SYN | CTL_ACK, .seq = IRS, .ack = ISS + 1, .mss = 1460);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = IRS + 1);
    expect_event(p, ESTAB_CONNECTED);
    p->events = 0;
    expect_state(p, TCPS(ESTABLISHED));
    return p;
}

struct peer *
peer_in_fin_wait_1(void)
{
    struct peer *p = peer_in_established();

    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = IRS + 1);
    expect_state(p, TCPS(FIN_WAIT_1));
    return p;
}

struct peer *
peer_in_fin_wait_2(void)
{
    struct peer *p = peer_in_fin_wait_1();

    peer_sends(p, .ctl = CTL_ACK, .seq = IRS + 1, .ack = ISS + 2);
    expect_nothing_sent(p);
    expect_state(p, TCPS(FIN_WAIT_2));
    return p;
}

struct peer *
peer_in_closing(void)
{
    struct peer *p = peer_in_fin_wait_1();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = IRS + 1, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = IRS + 2);
    expect_state(p, TCPS(CLOSING));
    return p;
}

struct peer *
peer_in_close_wait(void)
{
    struct peer *p = peer_in_established();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = IRS + 1, .ack = ISS + 1);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 1, .ack = IRS + 2);
    expect_state(p, TCPS(CLOSE_WAIT));
    return p;
}

struct peer *
peer_in_last_ack(void)
{
    struct peer *p = peer_in_close_wait();

    assert_int_equal(user_closes(p), 0);
    expect_sent(p, .ctl = CTL_FIN | CTL_ACK, .seq = ISS + 1, .ack = IRS + 2);
    expect_state(p, TCPS(LAST_ACK));
    return p;
}

struct peer *
peer_in_time_wait(void)
{
    struct peer *p = peer_in_fin_wait_2();

    peer_sends(p, .ctl = CTL_FIN | CTL_ACK, .seq = IRS + 1, .ack = ISS + 2);
    expect_sent(p, .ctl = CTL_ACK, .seq = ISS + 2, .ack = IRS + 2);
    assert_int_equal(user_leaves(p), 0);
    expect_state(p, TCPS(TIME_WAIT));
    return p;
}
