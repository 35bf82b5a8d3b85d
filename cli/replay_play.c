/* SPDX-License-Identifier: MIT */
/* See replay_play.h. Called from cli/replay.c. */
#include "cli/replay_play.h"
#include "sim/packet.h"

#include <stdlib.h>
#include <string.h>

#define MTU 65535u
#define BATCH 32
#define LISTENERS 64

/* One connection: what the model of our host said, and what ours said in its place. */
struct flow {
    struct estab_endpoint ours, theirs;
    bool used, opened, closed;
    estab_conn conn; /* 0: none, or not any more */
    bool has_model, has_real, has_theirs, has_model_ts, has_real_ts;
    uint32_t their_iss;
    uint32_t model_iss, real_iss;
    uint32_t model_ts, real_ts; /* of the SYNs */
    uint32_t model_end;         /* the end of what it said, and we were given to say */
};

struct play {
    struct replay *r;
    struct estab_stack *stack;
    estab_time now;
    struct flow *flow; /* REPLAY_FLOWS of them, open addressing */
    unsigned n_flows;
    estab_conn listener[LISTENERS];
    uint16_t port[LISTENERS];
    unsigned n_listeners;
    uint8_t *room, *copy;
};

/* ---- the capture ---- */

static bool
is_ours(const struct replay *r, const struct estab_addr *a)
{
    for (unsigned i = 0; i < r->n_addrs; i++)
        if (estab_addr_equal(&r->addr[i], a))
            return true;
    return false;
}

static struct estab_addr
address_in(const uint8_t *ip, bool destination)
{
    struct estab_addr a = { .family = ip[0] >> 4 == 4 ? ESTAB_INET : ESTAB_INET6 };

    if (a.family == ESTAB_INET)
        memcpy(a.bytes, ip + (destination ? 16 : 12), 4);
    else
        memcpy(a.bytes, ip + (destination ? 24 : 8), 16);
    return a;
}

/* Is all of the packet there? */
static bool
is_whole(const uint8_t *ip, uint32_t len)
{
    if (ip[0] >> 4 == 4)
        return len >= 20 && ((uint32_t)ip[2] << 8 | ip[3]) <= len;
    return len >= 40 && 40 + ((uint32_t)ip[4] << 8 | ip[5]) <= len;
}

static bool
is_unicast(const struct estab_addr *a)
{
    static const uint8_t all[4] = { 255, 255, 255, 255 };

    return !estab_addr_is_any(a) && !estab_addr_is_multicast(a) &&
           !(a->family == ESTAB_INET && memcmp(a->bytes, all, 4) == 0);
}

int
estab_replay_look(struct replay *r, const uint8_t *data, size_t len_of_it, struct failure *why)
{
    struct capture_memory memory = { .data = data, .len = len_of_it };
    struct capture *c = estab_captured_new(estab_captured_memory, &memory);
    struct capture_packet p;
    bool any = false, given = r->n_addrs > 0, by_syn = given;
    int result = 0;

    if (c == NULL)
        return estab_fail(why, "out of memory");
    while (estab_captured_next(c, &p) == 1) {
        struct sim_packet s;
        struct estab_addr to;
        const uint8_t *ip;
        uint32_t len, wire_len;

        if (!estab_captured_ip(&p, &ip, &len, &wire_len) || !is_whole(ip, len))
            continue;
        if (!any)
            r->origin = p.at - REPLAY_START;
        any = true;
        to = address_in(ip, true);
        if (given || !is_unicast(&to))
            continue;
        if (r->n_addrs == 0) {
            r->addr[0] = to;
            r->n_addrs = 1;
        }
        sim_packet_read(&s, ip, len);
        if (!by_syn && s.is_tcp && (s.seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK)) == ESTAB_CTL_SYN) {
            r->addr[0] = to;
            by_syn = true;
        }
    }
    if (!any || r->n_addrs == 0)
        result = estab_fail(why, "%s",
                            *estab_captured_error(c) != '\0' ? estab_captured_error(c)
                                                             : "there is no IP packet in it");
    estab_captured_free(c);
    return result;
}

/* ---- connections ---- */

static uint32_t
hash_of(const struct estab_endpoint *e, uint32_t h)
{
    for (unsigned i = 0; i < 16; i++)
        h = (h ^ e->addr.bytes[i]) * 16777619u;
    h = (h ^ (e->port >> 8)) * 16777619u;
    return (h ^ (e->port & 0xff)) * 16777619u;
}

/* NULL: there is none, or no room for another. */
static struct flow *
flow_of(struct play *p, const struct estab_endpoint *ours, const struct estab_endpoint *theirs,
        bool make)
{
    uint32_t i = hash_of(theirs, hash_of(ours, 2166136261u)) % REPLAY_FLOWS;
    struct flow *f;

    for (f = &p->flow[i]; f->used; f = &p->flow[i]) {
        if (sim_endpoint_equal(&f->ours, ours) && sim_endpoint_equal(&f->theirs, theirs))
            return f;
        i = (i + 1) % REPLAY_FLOWS;
    }
    if (!make || p->n_flows >= REPLAY_FLOWS / 2)
        return NULL;
    p->n_flows++;
    *f = (struct flow){ .used = true, .ours = *ours, .theirs = *theirs };
    return f;
}

/* Another life of the same two ends. */
static void
begin(struct flow *f)
{
    *f = (struct flow){ .used = true, .ours = f->ours, .theirs = f->theirs };
}

/* ---- our host ---- */

static void
note_sent(struct play *p, const struct estab_frame *frame)
{
    struct sim_packet s;
    struct flow *f;

    sim_packet_read(&s, frame->data, frame->len);
    if (!s.is_tcp || (s.seg.ctl & ESTAB_CTL_SYN) == 0)
        return;
    f = flow_of(p, &s.src, &s.dst, false); /* made when the first SYN of either side was seen */
    if (f == NULL)
        return;
    f->real_iss = s.seg.seq;
    f->has_real = true;
    if (s.seg.has_ts && !f->has_real_ts) {
        f->real_ts = s.seg.ts_val;
        f->has_real_ts = true;
    }
}

static void
read_all(struct play *p, estab_conn conn)
{
    uint8_t text[4096];

    while (estab_receive(p->stack, conn, text, sizeof text, p->now) > 0)
        ;
}

static void
take_event(struct play *p, const struct estab_event *e)
{
    struct estab_status st;
    struct flow *f;
    estab_conn conn;

    if ((e->bits & ESTAB_ACCEPTABLE) != 0) {
        while (estab_accept(p->stack, e->conn, &conn, p->now) == 0) {
            f = estab_status(p->stack, conn, &st) == 0 ? flow_of(p, &st.local, &st.remote, false)
                                                       : NULL;
            if (f != NULL) {
                f->conn = conn;
                read_all(p, conn);
            } else {
                p->r->refused += estab_abort(p->stack, conn, p->now) < 0;
            }
        }
        return;
    }
    if (estab_status(p->stack, e->conn, &st) != 0)
        return;
    read_all(p, e->conn);
    if ((e->bits & (ESTAB_CLOSED | ESTAB_FAILED)) == 0)
        return;
    f = flow_of(p, &st.local, &st.remote, false);
    if (f != NULL && f->conn == e->conn)
        f->conn = 0;
    p->r->refused += estab_close(p->stack, e->conn, p->now) < 0;
}

static void
pump(struct play *p)
{
    struct estab_event events[BATCH];
    size_t n, k;

    do {
        struct estab_frame frame = { .data = p->room, .cap = MTU };

        for (n = 0; estab_stack_output(p->stack, 1, &frame, 1, p->now) == 1; n++)
            note_sent(p, &frame);
        k = estab_stack_events(p->stack, events, BATCH);
        for (size_t i = 0; i < k; i++)
            take_event(p, &events[i]);
    } while (n + k > 0);
}

/* Whatever is due until then, at its instant. */
#define REPLAY_TIME_MAX ESTAB_SEC(3155760000) /* 100 years */

static void
pass_time(struct play *p, estab_time until)
{
    estab_time at;

    while ((at = estab_stack_deadline(p->stack)) <= until) {
        if (at > p->now)
            p->now = at;
        estab_stack_tick(p->stack, p->now);
        pump(p);
    }
    if (until > p->now)
        p->now = until;
}

/* ---- what its model did ---- */

static void
say(struct play *p, struct flow *f, const struct sim_packet *s)
{
    uint32_t begins = s->seg.seq + ((s->seg.ctl & ESTAB_CTL_SYN) != 0), skip;

    if (f->conn == 0 || !f->has_model || s->seg.len == 0)
        return;
    skip = f->model_end - begins;
    /* said before; or what is between was not captured, and nobody knows it */
    if (skip >= s->seg.len)
        return;
    if (estab_send(p->stack, f->conn, s->text + skip, s->seg.len - skip, p->now) > 0)
        f->model_end = begins + s->seg.len;
}

static void
play_model(struct play *p, const struct sim_packet *s)
{
    unsigned ctl = s->seg.ctl;
    struct flow *f = flow_of(p, &s->src, &s->dst, (ctl & ESTAB_CTL_SYN) != 0);

    if (f == NULL) {
        p->r->strayed += (ctl & ESTAB_CTL_SYN) != 0;
        return;
    }
    if ((ctl & ESTAB_CTL_SYN) != 0 && !(f->has_model && f->model_iss == s->seg.seq)) {
        if (f->has_model && (ctl & ESTAB_CTL_ACK) == 0)
            begin(f);
        f->has_model = true;
        f->model_iss = s->seg.seq;
        f->model_end = s->seg.seq + 1;
        f->has_model_ts = s->seg.has_ts;
        f->model_ts = s->seg.ts_val;
        if ((ctl & ESTAB_CTL_ACK) == 0 && f->conn == 0 && !f->opened) {
            f->opened = true;
            if (estab_connect(p->stack, &f->ours, &f->theirs, NULL, &f->conn, p->now) < 0) {
                f->conn = 0;
                p->r->refused++;
            }
        }
    }
    if ((ctl & ESTAB_CTL_RST) != 0) {
        if (f->conn != 0)
            p->r->refused += estab_abort(p->stack, f->conn, p->now) < 0;
        f->conn = 0;
        return;
    }
    say(p, f, s);
    if ((ctl & ESTAB_CTL_FIN) != 0 && f->conn != 0 && !f->closed) {
        f->closed = true;
        p->r->refused += estab_shutdown(p->stack, f->conn, p->now) < 0;
    }
}

/* ---- what arrives ---- */

static uint32_t
get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* Adds to a number in the TCP header, and what that means to its checksum (RFC 1624 §3). `odd`: it
 * does not begin with a word of the sum. */
static void
move(uint8_t *tcp, uint32_t at, uint32_t by)
{
    uint32_t old = get32(tcp + at), new = old + by, sum;
    bool odd = (at & 1) != 0;

    sum = (~((uint32_t)tcp[16] << 8 | tcp[17])) & 0xffff;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t was = i == 0 ? old >> 16 : old & 0xffff, is = i == 0 ? new >> 16 : new & 0xffff;

        if (odd) {
            was = (was << 8 | was >> 8) & 0xffff;
            is = (is << 8 | is >> 8) & 0xffff;
        }
        sum += (~was & 0xffff) + is;
    }
    while (sum >> 16 != 0)
        sum = (sum & 0xffff) + (sum >> 16);
    tcp[16] = (uint8_t)(~sum >> 8);
    tcp[17] = (uint8_t)~sum;
    for (unsigned i = 0; i < 4; i++)
        tcp[at + i] = (uint8_t)(new >> (24 - 8 * i));
}

/* Numbers of ours in the segment that is in the copy: acknowledgment, SACK, echo. */
static void
translate(uint8_t *tcp, const struct sim_packet *s, const struct flow *f)
{
    uint32_t by = f->real_iss - f->model_iss, at = 20;

    if ((s->seg.ctl & ESTAB_CTL_ACK) != 0)
        move(tcp, 8, by);
    while (at + 1 < s->tcp_header_len && tcp[at] != 0) {
        uint32_t n = tcp[at] == 1 ? 1 : tcp[at + 1];

        if (n == 0 || n > s->tcp_header_len - at || (tcp[at] != 1 && n < 2))
            return;
        if (tcp[at] == 5 && n % 8 == 2)
            for (uint32_t i = 2; i < n; i += 4)
                move(tcp, at + i, by);
        if (tcp[at] == 8 && n == 10 && (s->seg.ctl & ESTAB_CTL_ACK) != 0 && f->has_model_ts &&
            f->has_real_ts)
            move(tcp, at + 6, f->real_ts - f->model_ts);
        at += n;
    }
}

static void
arrive(struct play *p, const uint8_t *ip, uint32_t len)
{
    struct estab_frame frame = { .data = p->copy, .len = len };
    struct sim_packet s;
    struct flow *f = NULL;
    bool syn;

    memcpy(p->copy, ip, len);
    sim_packet_read(&s, p->copy, len);
    syn = s.is_tcp && (s.seg.ctl & ESTAB_CTL_SYN) != 0;
    if (s.is_tcp) {
        f = flow_of(p, &s.dst, &s.src, syn);
        p->r->strayed += f == NULL && syn;
    }
    if (f != NULL && syn && (s.seg.ctl & ESTAB_CTL_ACK) == 0) {
        if (f->has_theirs && f->their_iss != s.seg.seq)
            begin(f);
        f->has_theirs = true;
        f->their_iss = s.seg.seq;
    }
    if (f != NULL) {
        /* of a capture that has one direction only, the first ACK tells what it must have said */
        if (!f->has_model && f->has_real && (s.seg.ctl & ESTAB_CTL_ACK) != 0) {
            f->has_model = true;
            f->model_iss = s.seg.ack - 1;
            f->model_end = s.seg.ack;
            f->has_model_ts = s.seg.has_ts;
            f->model_ts = s.seg.ts_ecr;
        }
        if (f->has_model && f->has_real)
            translate(p->copy + s.ip_header_len, &s, f);
    }
    p->r->given++;
    estab_stack_input(p->stack, 1, &frame, 1, p->now);
    pump(p);
}

/* ---- the whole ---- */

/* A port to which a SYN comes that its model has not refused: somebody listened there. */
static void
find_listeners(struct play *p, struct capture *c)
{
    struct capture_packet q;
    bool refused[LISTENERS] = { false };

    while (estab_captured_next(c, &q) == 1) {
        struct sim_packet s;
        const uint8_t *ip;
        uint32_t len, wire_len;
        unsigned i = 0, ctl;
        uint16_t port;

        if (!estab_captured_ip(&q, &ip, &len, &wire_len))
            continue;
        sim_packet_read(&s, ip, len);
        ctl = s.seg.ctl & (ESTAB_CTL_SYN | ESTAB_CTL_ACK | ESTAB_CTL_RST);
        if (!s.is_tcp || is_ours(p->r, &s.dst.addr) == is_ours(p->r, &s.src.addr))
            continue;
        port = is_ours(p->r, &s.dst.addr) ? s.dst.port : s.src.port;
        while (i < p->n_listeners && p->port[i] != port)
            i++;
        if (is_ours(p->r, &s.dst.addr) && ctl == ESTAB_CTL_SYN && i == p->n_listeners &&
            i < LISTENERS)
            p->port[p->n_listeners++] = port;
        else if (is_ours(p->r, &s.src.addr) && ctl == (ESTAB_CTL_RST | ESTAB_CTL_ACK) &&
                 s.seg.seq == 0 && i < p->n_listeners)
            refused[i] = true;
    }
    for (unsigned i = 0; i < p->n_listeners; i++) {
        struct estab_endpoint at = { .port = p->port[i] };

        if (refused[i] || at.port == 0 ||
            estab_listen(p->stack, &at, 128, NULL, &p->listener[i], p->now) < 0)
            p->listener[i] = 0;
    }
}

static int
make_host(struct play *p, struct failure *why)
{
    struct estab_link link = { .mtu = MTU, .csum_verified = p->r->trust };

    p->stack = estab_stack_new(&p->r->cfg);
    if (p->stack == NULL)
        return estab_fail(why, "cannot make the host: out of memory");
    if (estab_stack_add_interface(p->stack, &link) != 1)
        return estab_fail(why, "cannot make the host: out of memory");
    for (unsigned i = 0; i < p->r->n_addrs; i++) {
        const struct estab_addr *a = &p->r->addr[i];
        struct estab_addr any = { .family = a->family };
        int error = estab_stack_add_address(p->stack, 1, a, a->family == ESTAB_INET ? 32 : 128);
        char text[ESTAB_ADDR_TEXT];

        if (error == 0)
            error = estab_stack_add_route(p->stack, 1, &any, 0);
        if (error < 0)
            return estab_fail(why, "cannot take the address %s: %s", estab_addr_format(a, text),
                              estab_err_text(error));
    }
    return 0;
}

static void
play_packet(struct play *p, const struct capture_packet *q)
{
    struct replay *r = p->r;
    struct estab_addr from, to;
    const uint8_t *ip;
    uint32_t len, wire_len;

    r->packets++;
    if (!estab_captured_ip(q, &ip, &len, &wire_len)) {
        r->no_ip++;
        return;
    }
    if (!is_whole(ip, len)) {
        r->cut_off++;
        return;
    }
    /* A clock that was set back meanwhile stands still here, and so does one that was set to another
     * century: instants and what lies between them are 64 bits. */
    if (q->at > r->origin && q->at - r->origin > p->now && q->at - r->origin < REPLAY_TIME_MAX)
        pass_time(p, q->at - r->origin);
    from = address_in(ip, false);
    to = address_in(ip, true);
    if (is_ours(r, &from) && is_ours(r, &to)) {
        r->own++; /* with itself: that never leaves a host */
    } else if (is_ours(r, &from)) {
        struct sim_packet s;

        r->own++;
        sim_packet_read(&s, ip, len);
        if (s.is_tcp) {
            play_model(p, &s);
            pump(p);
        }
    } else if (is_ours(r, &to) || !is_unicast(&to)) {
        arrive(p, ip, len < MTU ? len : MTU);
    } else {
        r->others++;
    }
}

int
estab_replay_play(struct replay *r, const uint8_t *data, size_t len, struct failure *why)
{
    struct play p = { .r = r, .now = REPLAY_START };
    struct capture_memory before = { .data = data, .len = len }, memory = before;
    struct capture *look = estab_captured_new(estab_captured_memory, &before);
    struct capture *c = estab_captured_new(estab_captured_memory, &memory);
    struct capture_packet q;
    int result = 0;

    p.flow = calloc(REPLAY_FLOWS, sizeof *p.flow);
    p.room = malloc(MTU);
    p.copy = malloc(MTU);
    if (p.flow == NULL || p.room == NULL || p.copy == NULL || look == NULL || c == NULL)
        result = estab_fail(why, "out of memory");
    else if (make_host(&p, why) < 0)
        result = -1;
    if (result == 0) {
        int more;

        find_listeners(&p, look);
        while ((more = estab_captured_next(c, &q)) == 1)
            play_packet(&p, &q);
        if (more < 0)
            result = estab_fail(why, "%s", estab_captured_error(c));
        estab_stack_status(p.stack, &r->status);
        r->has_status = true;
    }
    estab_stack_free(p.stack);
    free(p.flow);
    free(p.room);
    free(p.copy);
    estab_captured_free(look);
    estab_captured_free(c);
    return result;
}
