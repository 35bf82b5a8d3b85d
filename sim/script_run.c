/* SPDX-License-Identifier: MIT */
/*
 * Plays the lines of a script: moves the clock to each, makes its call, sends its segment or looks
 * whether what it expects is so. See script_run.h; the language is docs/script.md.
 */
#include "sim/script_run.h"

#include "sim/invariants.h"
#include "sim/script_lesson.h"
#include "sim/script_segment.h"
#include "sim/script_settings.h"
#include "sim/world.h"

#include "estab/estab.h"

#include <stdalign.h>
#include <string.h>

enum {
    EVENTS_MAX = 20000000, /* of a whole run */
    ARRIVALS = 256,        /* segments of the host that wait to be expected */
    ARRIVAL_TEXT = 64,     /* octets of their text that are kept whole */
    FLOWS = 16,
    OUR_ISN = 300,    /* of the host, in the numbers of a script */
    PEER_PORT = 40000 /* until somebody names another */
};

/* A connection that a script has a name for. */
struct named_conn {
    estab_conn conn; /* 0: none */
    struct estab_endpoint local, remote;
    bool was_bound;
    bool drains;      /* all that comes is read at once */
    uint64_t to_pour; /* octets still to be sent as there is room */
    uint64_t poured;
};

/* SYNs from nowhere, one after another. */
struct flood {
    uint32_t left, sent;
    uint32_t host;
    uint16_t port;
    estab_time gap;
};
enum { FLOODS = 4 };

struct listener {
    estab_conn conn;
    uint16_t port;
};
enum { LISTENERS = 8 };

struct player {
    struct named_conn conn[SIM_SCRIPT_NAMES];
    struct listener listener[LISTENERS];
    unsigned n_listeners;
    uint64_t causes[ESTAB_CAUSE_COUNT];
    uint64_t octets; /* that its user has received */
};

/* A packet that has come to the peer. */
struct arrival {
    estab_time at;
    uint32_t len;
    uint8_t *packet;
};

/* What the peer knows of one pair of ports. */
struct flow {
    uint16_t peer_port, host_port;
    bool has_isn;
    uint32_t isn, ts_val;
};

struct run {
    const struct sim_script *s;
    const struct sim_script_watch *watch;
    struct sim_script_result *result;
    const struct sim_script_how *how;
    struct estab_alloc from;
    struct sim_world w;
    struct sim_checks checks;
    bool has_checks;
    struct player player[SIM_SCRIPT_HOSTS];

    estab_time at;       /* of the line before */
    uint32_t harms_said; /* a bit for each counterfactual */
    bool is_hopeless;    /* going on makes no sense, whatever the failing line is worth */
    bool is_busy;        /* users that go on by themselves call: not shown */
    bool is_patient;     /* calls that would have to wait are not shown */
    uint8_t *buffer;     /* SIM_SCRIPT_SEND octets, and what a packet needs */
    uint8_t *drained;    /* DRAIN_OCTETS */
    uint64_t entered;    /* octets that were sent by their number, for their content */

    struct arrival arrival[ARRIVALS];
    unsigned first_arrival, n_arrivals;
    bool overflowed;
    struct flow flow[FLOWS];
    unsigned n_flows;
    uint16_t peer_port, host_port; /* of the flow spoken of last; 0: not known yet */
    struct flood flood[FLOODS];
    unsigned n_floods;
};
#define BUFFER_OCTETS (SIM_SCRIPT_SEND + SIM_SEGMENT_ROOM)
#define DRAIN_OCTETS 65536u
#define POUR_OCTETS 16384u

/* ---- failing ---- */

/* Where a failure is told; NULL: there is one already. */
static struct sim_text *
begin_failure(struct run *r, const struct sim_script_line *l, uint32_t column, struct sim_text *t)
{
    if (r->result->failed)
        return NULL;
    r->result->failed = true;
    r->result->line = l->line;
    r->result->column = column;
    *t = SIM_TEXT(r->result->text);
    return t;
}

static void
put_at(struct sim_text *t, estab_time at)
{
    sim_text_put(t, ", at ");
    sim_text_duration(t, at);
}

static bool
fail(struct run *r, const struct sim_script_line *l, const char *expected, const char *seen)
{
    struct sim_text t;

    if (begin_failure(r, l, l->column, &t) == NULL)
        return false;
    sim_text_put(&t, "expected ");
    sim_text_put(&t, expected);
    sim_text_put(&t, ", seen ");
    sim_text_put(&t, seen);
    put_at(&t, r->w.now);
    return false;
}

static bool
fail_plain(struct run *r, const struct sim_script_line *l, const char *text)
{
    struct sim_text t;

    if (begin_failure(r, l, l->column, &t) == NULL)
        return false;
    sim_text_put(&t, text);
    put_at(&t, r->w.now);
    return false;
}

/* An invariant of the simulator did not hold, whatever the script expects. */
static bool
fail_invariant(struct run *r, const struct sim_script_line *l)
{
    const struct sim_failure *f = &r->w.failure;
    struct sim_text t;

    if (begin_failure(r, l, l->column, &t) == NULL)
        return false;
    r->is_hopeless = true;
    r->result->broken_rule = f->rule;
    sim_text_put(&t, "the simulator's rule ");
    sim_text_put(&t, f->rule);
    sim_text_put(&t, " is broken on ");
    sim_text_put(&t, f->host < r->s->n_hosts ? r->s->host[f->host].name.text : "a host");
    sim_text_put(&t, ": ");
    sim_text_put(&t, f->text);
    put_at(&t, f->at);
    return false;
}

/* ---- what the world tells ---- */

static void
take_record(void *ctx, const struct estab_trace *record)
{
    struct run *r = ctx;

    if (record->kind == ESTAB_TRACE_STATE && record->cause < ESTAB_CAUSE_COUNT)
        r->player[record->host].causes[record->cause]++;
    if (record->kind == ESTAB_TRACE_CALL &&
        (r->is_busy || (r->is_patient && record->result == -ESTAB_EAGAIN)))
        return;
    if (r->watch->trace != NULL)
        r->watch->trace(r->watch->ctx, record);
}

static void
take_fate(void *ctx, struct sim_host *host, enum sim_fate fate)
{
    struct run *r = ctx;

    if (r->watch->fate != NULL && !host->is_scripted)
        r->watch->fate(r->watch->ctx, host->number, fate);
}

static struct flow *
flow_of(struct run *r, uint16_t peer_port, uint16_t host_port)
{
    struct flow *f;

    for (unsigned i = 0; i < r->n_flows; i++)
        if (r->flow[i].peer_port == peer_port && r->flow[i].host_port == host_port)
            return &r->flow[i];
    f = &r->flow[r->n_flows < FLOWS ? r->n_flows++ : FLOWS - 1];
    *f = (struct flow){ .peer_port = peer_port, .host_port = host_port };
    return f;
}

static struct sim_segment_numbers
numbers_of(const struct flow *f)
{
    return (struct sim_segment_numbers){
        .shift = f->has_isn ? f->isn - OUR_ISN : 0,
        .ts_val = f->ts_val,
    };
}

/* The peer's eyes: what has come, in the order of coming. */
static void
take_packet(void *ctx, struct sim_host *host, const uint8_t *packet, uint32_t len)
{
    struct run *r = ctx;
    struct arrival *a;
    struct sim_packet p;
    struct flow *f;

    (void)host;
    if (r->n_arrivals == ARRIVALS) {
        r->overflowed = true;
        return;
    }
    a = &r->arrival[(r->first_arrival + r->n_arrivals) % ARRIVALS];
    a->packet = r->from.get(r->from.ctx, len, 8);
    if (a->packet == NULL) {
        r->overflowed = true;
        return;
    }
    memcpy(a->packet, packet, len);
    a->len = len;
    a->at = r->w.now;
    r->n_arrivals++;
    sim_packet_read(&p, packet, len);
    if (!p.is_tcp)
        return;
    f = flow_of(r, p.dst.port, p.src.port);
    if ((p.seg.ctl & ESTAB_CTL_SYN) != 0) {
        f->has_isn = true;
        f->isn = p.seg.seq;
    }
    if (p.seg.has_ts)
        f->ts_val = p.seg.ts_val;
    r->peer_port = p.dst.port;
    r->host_port = p.src.port;
}

static void
drop_arrival(struct run *r)
{
    struct arrival *a = &r->arrival[r->first_arrival];

    r->from.put(r->from.ctx, a->packet, a->len);
    r->first_arrival = (r->first_arrival + 1) % ARRIVALS;
    r->n_arrivals--;
}

static struct estab_stack *
stack_of(const struct run *r, uint32_t host)
{
    return r->w.hosts[host]->stack;
}

/* ---- users that go on by themselves ---- */

static void
drain(struct run *r, uint32_t host, struct named_conn *c)
{
    ptrdiff_t n;

    r->is_busy = true;
    while (c->drains && (n = estab_receive(stack_of(r, host), c->conn, r->drained, DRAIN_OCTETS,
                                           sim_host_now(r->w.hosts[host]))) > 0)
        r->player[host].octets += (uint64_t)n;
    r->is_busy = false;
}

/* 0, or the error that ends it. */
static int64_t
pour(struct run *r, uint32_t host, struct named_conn *c)
{
    while (c->to_pour > 0) {
        uint32_t n = c->to_pour < POUR_OCTETS ? (uint32_t)c->to_pour : POUR_OCTETS;
        int64_t sent;

        for (uint32_t i = 0; i < n; i++)
            r->drained[i] = sim_segment_octet((uint32_t)((c->poured + i) % 26));
        r->is_busy = true;
        sent =
            estab_send(stack_of(r, host), c->conn, r->drained, n, sim_host_now(r->w.hosts[host]));
        r->is_busy = false;
        if (sent <= 0) {
            if (sent != -ESTAB_EAGAIN)
                c->to_pour = 0;
            return sent == -ESTAB_EAGAIN ? 0 : sent;
        }
        c->to_pour -= (uint64_t)sent;
        c->poured += (uint64_t)sent;
    }
    return 0;
}

/* The tenant's event(): only those who drain or pour care. */
static void
take_event(void *ctx, struct sim_host *host, const struct estab_event *event)
{
    struct run *r = ctx;
    struct player *p = &r->player[host->number];

    for (unsigned i = 0; i < SIM_SCRIPT_NAMES; i++) {
        if (p->conn[i].conn != event->conn || event->conn == 0)
            continue;
        drain(r, host->number, &p->conn[i]);
        (void)pour(r, host->number, &p->conn[i]);
    }
}

/* ---- SYNs from nowhere (RFC 4987 §2) ---- */

/* Addresses of the link that nobody has, so that no answer comes. */
static void
send_flood(struct run *r, struct flood *f)
{
    struct sim_host *host = r->w.hosts[f->host];
    const struct sim_interface *at = &host->interfaces[0];
    const struct sim_script_segment syn = {
        .ctl = ESTAB_CTL_SYN,
        .seq = { .given = true, .value = (uint32_t)sim_prng_next(&r->w.dice) },
        .n_options = 1,
        .option = { { .kind = SIM_OPTION_MSS, .value = { { .given = true, .value = 1460 } } } },
    };
    const struct sim_segment_numbers numbers = { 0 };
    bool v4 = at->v4.family != 0;
    struct sim_segment_names names = { .dst = { v4 ? at->v4 : at->v6, f->port } };
    uint32_t len;

    names.src = names.dst;
    names.src.addr.bytes[v4 ? 3 : 15] = (uint8_t)(3 + f->sent % 250);
    names.src.port = (uint16_t)(1024 + f->sent / 250);
    len = sim_segment_write(r->drained, r->s, &syn, &numbers, &names);
    sim_world_inject(&r->w, host, 1, r->drained, len, r->w.now);
    f->sent++;
    f->left--;
}

/* The tenant's timer(). */
static void
take_timer(void *ctx, uint32_t token)
{
    struct run *r = ctx;
    struct flood *f = &r->flood[token];

    if (token >= r->n_floods || f->left == 0)
        return;
    send_flood(r, f);
    if (f->left > 0)
        sim_world_wake(&r->w, r->w.now + f->gap, token);
}

/* ---- building the world ---- */

static void
prepare(struct run *r, uint32_t host)
{
    if (r->how->prepare != NULL && !r->s->host[host].is_peer)
        r->how->prepare(r->how->ctx, host, stack_of(r, host));
}

static bool
build_hosts(struct run *r, struct sim_script_line *where)
{
    for (uint32_t i = 0; i < r->s->n_hosts; i++) {
        struct sim_host *host = sim_world_add_host(&r->w, &r->s->host[i].cfg, SIM_NO_FAILURE);

        where->line = r->s->host[i].line;
        if (host == NULL)
            return fail_plain(r, where, "this host cannot be made: a setting is out of range");
        host->is_scripted = r->s->host[i].is_peer;
        host->drift_ppm = r->s->host[i].drift_ppm;
        prepare(r, i);
    }
    return true;
}

static bool
build_links(struct run *r, struct sim_script_line *where)
{
    for (uint32_t i = 0; i < r->s->n_links; i++) {
        const struct sim_script_link *l = &r->s->link[i];
        const struct estab_addr addr[2] = { r->s->host[l->host[0]].addr,
                                            r->s->host[l->host[1]].addr };
        struct sim_host *a = r->w.hosts[l->host[0]], *b = r->w.hosts[l->host[1]];
        bool joined = addr[0].family != 0
                          ? sim_world_join_at(&r->w, a, b, &l->cfg, l->mtu, addr)
                          : sim_world_join(&r->w, a, b, &l->cfg, l->mtu, l->mtu, !l->v6, l->v6);

        where->line = l->line;
        if (!joined)
            return fail_plain(r, where, "this link cannot be made");
    }
    return true;
}

static bool
build(struct run *r)
{
    struct sim_script_line where = { .line = 1, .column = 1 };
    uint32_t mtu = 1500;

    for (uint32_t i = 0; i < r->s->n_links; i++)
        mtu = r->s->link[i].mtu > mtu ? r->s->link[i].mtu : mtu;
    r->buffer = r->from.get(r->from.ctx, BUFFER_OCTETS, alignof(max_align_t));
    r->drained = r->from.get(r->from.ctx, DRAIN_OCTETS, alignof(max_align_t));
    if (!sim_world_init(&r->w, &r->from, r->s->seed, mtu) || r->buffer == NULL ||
        r->drained == NULL)
        return fail_plain(r, &where, "no memory for the world");
    r->w.batch = 1; /* the fate of a packet is told right after its record */
    r->w.sink = take_record;
    r->w.fate = take_fate;
    r->w.sink_ctx = r;
    r->w.tenant = (struct sim_tenant){
        .ctx = r, .packet = take_packet, .event = take_event, .timer = take_timer
    };
    if (r->how->without != NULL)
        memset(r->w.ignored, 0xff, sizeof r->w.ignored);
    if (!build_hosts(r, &where) || !build_links(r, &where))
        return false;
    r->has_checks = sim_checks_init(&r->checks, &r->w, NULL);
    return r->has_checks || fail_plain(r, &where, "no memory for the rules");
}

static void
take_down(struct run *r)
{
    while (r->n_arrivals > 0)
        drop_arrival(r);
    if (r->has_checks)
        sim_checks_fini(&r->checks);
    sim_world_fini(&r->w);
    if (r->buffer != NULL)
        r->from.put(r->from.ctx, r->buffer, BUFFER_OCTETS);
    if (r->drained != NULL)
        r->from.put(r->from.ctx, r->drained, DRAIN_OCTETS);
}

/* ---- time ---- */

/* Whatever happens up to and at this instant. */
static bool
advance(struct run *r, const struct sim_script_line *l, estab_time until)
{
    enum sim_stop stop = sim_world_run(&r->w, until, EVENTS_MAX);

    if (stop == SIM_STOP_FAILED || sim_failed(&r->w))
        return fail_invariant(r, l);
    r->is_hopeless |= stop == SIM_STOP_EVENTS;
    if (stop == SIM_STOP_EVENTS)
        return fail_plain(r, l, "this takes too long: too much happens before it");
    r->w.now = until;
    return true;
}

/* To the next thing that happens, but not beyond `until`; false: nothing does, or it failed. */
static bool
advance_a_step(struct run *r, const struct sim_script_line *l, estab_time until)
{
    estab_time next = sim_world_next(&r->w);

    if (next <= until)
        return advance(r, l, next);
    r->w.now = until;
    return false;
}

/* ---- what a host holds ---- */

static bool
is_of(const struct named_conn *c, const struct estab_status *status)
{
    return c->was_bound && sim_endpoint_equal(&c->local, &status->local) &&
           sim_endpoint_equal(&c->remote, &status->remote);
}

/* A record that no other name of the host stands for. */
static bool
is_free_record(const struct player *p, uint32_t name, const struct estab_status *status)
{
    for (uint32_t i = 0; i < SIM_SCRIPT_NAMES; i++)
        if (i != name && is_of(&p->conn[i], status))
            return false;
    return true;
}

/* The state of a connection by its ports, or, when it has no name, of the only one there is; with
 * several, `several` is set. */
static uint8_t
state_of(const struct run *r, uint32_t host, uint32_t name, bool *several)
{
    const struct player *p = &r->player[host];
    uint8_t state = ESTAB_TCPS_CLOSED;
    struct estab_status status;
    uint64_t cursor = 0;
    unsigned others = 0;
    bool listens = false;

    *several = false;
    while (estab_stack_next(stack_of(r, host), &cursor, &status)) {
        if (is_of(&p->conn[name], &status))
            return status.state;
        if (status.state == ESTAB_TCPS_LISTEN) {
            listens = true;
        } else if (name == 0 && is_free_record(p, name, &status)) {
            state = status.state;
            others++;
        }
    }
    *several = others > 1;
    if (others == 0 && name == 0 && listens && !p->conn[0].was_bound)
        return ESTAB_TCPS_LISTEN;
    return others == 1 ? state : ESTAB_TCPS_CLOSED;
}

static void
put_counted(struct sim_text *t, uint64_t n, const char *what)
{
    if (n == 0)
        return;
    sim_text_put(t, t->len > 0 ? ", " : "");
    sim_text_number(t, (int64_t)n);
    sim_text_put(t, what);
}

/* What is not given back, as text; empty: the host is free. */
static void
show_holdings(const struct run *r, uint32_t host, struct sim_text *t)
{
    struct estab_stack_status s;

    estab_stack_status(stack_of(r, host), &s);
    put_counted(t, s.connections, " connection(s)");
    put_counted(t, s.half_open, " half-open");
    put_counted(t, s.time_wait, " in TIME-WAIT");
    put_counted(t, s.listeners, " listener(s)");
    put_counted(t, s.record_bytes + s.ring_bytes, " bytes");
    put_counted(t, s.timers, " timer(s)");
    put_counted(t, s.ports, " port(s)");
}

static bool
is_free(const struct run *r, uint32_t host, struct sim_text *seen)
{
    char room[200];
    struct sim_text t = SIM_TEXT(room);

    if (host == SIM_SCRIPT_ALL_HOSTS) {
        for (uint32_t i = 0; i < r->s->n_hosts; i++)
            if (!r->s->host[i].is_peer && !is_free(r, i, seen))
                return false;
        return true;
    }
    show_holdings(r, host, &t);
    if (t.len == 0)
        return true;
    *seen = sim_text(seen->s, seen->cap);
    sim_text_put(seen, r->s->host[host].name.text);
    sim_text_put(seen, " holding ");
    sim_text_put(seen, room);
    return false;
}

/* Segments that had been sent before. */
static uint64_t
sent_again(const struct estab_stack_status *s)
{
    uint64_t n = 0;

    for (unsigned i = 0; i < ESTAB_REASON_COUNT; i++) {
        const char *name = estab_reason_name(i);

        if (strncmp(name, "RETRANSMIT_", 11) == 0 || i == ESTAB_WHY_SYN_AGAIN ||
            i == ESTAB_WHY_SYN_ACK_AGAIN)
            n += s->reasons[i];
    }
    return n;
}

/* Packets of the host that the links have lost: by chance, cut, or for want of room. */
static uint64_t
lost_by(const struct run *r, uint32_t host)
{
    const struct sim_host *h = r->w.hosts[host];
    uint64_t n = 0;

    for (unsigned i = 0; i < h->n_interfaces; i++) {
        const struct sim_link_counts *c =
            &r->w.joints[h->interfaces[i].link].link.counts[h->interfaces[i].side];

        n += c->lost + c->queue_full;
    }
    return n;
}

static uint64_t
count_of(const struct run *r, const struct sim_script_line *l)
{
    struct estab_stack_status s;

    estab_stack_status(stack_of(r, l->host), &s);
    switch (l->count) {
    case SIM_COUNT_CONNECTIONS:
        return s.connections;
    case SIM_COUNT_HALF_OPEN:
        return s.half_open;
    case SIM_COUNT_TIME_WAIT:
        return s.time_wait;
    case SIM_COUNT_LISTENERS:
        return s.listeners;
    case SIM_COUNT_TIMERS:
        return s.timers;
    case SIM_COUNT_PORTS:
        return s.ports;
    case SIM_COUNT_BYTES:
        return s.record_bytes + s.ring_bytes;
    case SIM_COUNT_RECORD_BYTES:
        return s.record_bytes;
    case SIM_COUNT_BUFFER_BYTES:
        return s.ring_bytes;
    case SIM_COUNT_RECEIVED:
        return s.packets_in;
    case SIM_COUNT_SENT:
        return s.packets_out;
    case SIM_COUNT_OCTETS:
        return r->player[l->host].octets;
    case SIM_COUNT_AGAIN:
        return sent_again(&s);
    case SIM_COUNT_LOST:
        return lost_by(r, l->host);
    case SIM_COUNT_VERDICT:
        return s.verdicts[l->word];
    case SIM_COUNT_REASON:
        return s.reasons[l->word];
    case SIM_COUNT_CAUSE:
        return r->player[l->host].causes[l->word];
    }
    return 0;
}

static void
show_count(const struct sim_script_line *l, uint64_t n, enum sim_script_compare compare,
           struct sim_text *t)
{
    static const char *const words[] = {
        " connections",
        " half-open",
        " in TIME-WAIT",
        " listeners",
        " timers",
        " ports",
        " bytes",
        " bytes of records",
        " bytes of buffers",
        " packets received",
        " packets sent",
        " octets for the user",
        " segments sent again",
        " packets lost on their way",
        " x ",
        " x ",
        " x ",
    };

    sim_text_put(t, compare == SIM_AT_LEAST  ? "at least "
                    : compare == SIM_AT_MOST ? "at most "
                                             : "");
    sim_text_number(t, (int64_t)n);
    sim_text_put(t, words[l->count]);
    if (l->count >= SIM_COUNT_VERDICT)
        sim_text_put(t, l->count == SIM_COUNT_VERDICT  ? estab_verdict_name(l->word)
                        : l->count == SIM_COUNT_REASON ? estab_reason_name(l->word)
                                                       : estab_cause_name(l->word));
}

/* Whether it is so now; what is seen instead goes to `seen`. */
static bool
is_so(const struct run *r, const struct sim_script_line *l, struct sim_text *seen)
{
    uint64_t n;
    uint8_t state;
    bool several;

    switch (l->kind) {
    case SIM_LINE_EXPECT_STATE:
        state = state_of(r, l->host, l->conn, &several);
        *seen = sim_text(seen->s, seen->cap);
        sim_text_put(seen, several ? "several connections (names tell them apart)"
                                   : estab_state_name(state));
        return !several && state == l->state;
    case SIM_LINE_EXPECT_FREE:
        return is_free(r, l->host, seen);
    default:
        n = count_of(r, l);
        *seen = sim_text(seen->s, seen->cap);
        show_count(l, n, SIM_IS, seen);
        return l->compare == SIM_AT_LEAST  ? n >= l->number
               : l->compare == SIM_AT_MOST ? n <= l->number
                                           : n == l->number;
    }
}

static void
show_expectation(const struct run *r, const struct sim_script_line *l, struct sim_text *t)
{
    if (l->host != SIM_SCRIPT_ALL_HOSTS) {
        sim_text_put(t, r->s->host[l->host].name.text);
        if (l->conn != 0) {
            sim_text_put(t, ".");
            sim_text_put(t, r->s->name[l->conn].text);
        }
        sim_text_put(t, " ");
    }
    if (l->kind == SIM_LINE_EXPECT_STATE)
        sim_text_put(t, estab_state_name(l->state));
    else if (l->kind == SIM_LINE_EXPECT_FREE)
        sim_text_put(t, l->host == SIM_SCRIPT_ALL_HOSTS ? "all hosts free" : "free");
    else
        show_count(l, l->number, l->compare, t);
    if (l->within != 0) {
        sim_text_put(t, " within ");
        sim_text_duration(t, l->within);
    }
}

static bool
play_expect(struct run *r, const struct sim_script_line *l)
{
    estab_time until = r->w.now + l->within;
    char expected_room[200], seen_room[320];
    struct sim_text expected = SIM_TEXT(expected_room), seen = SIM_TEXT(seen_room);

    while (!is_so(r, l, &seen)) {
        if (r->w.now < until && advance_a_step(r, l, until))
            continue;
        if (r->result->failed)
            return false;
        if (is_so(r, l, &seen)) /* what happened at the last instant */
            break;
        show_expectation(r, l, &expected);
        return fail(r, l, expected_room, seen_room);
    }
    r->result->checks++;
    return true;
}

/* ---- calls ---- */

static struct named_conn *
conn_of(struct run *r, const struct sim_script_line *l)
{
    return &r->player[l->host].conn[l->conn];
}

static void
bind_name(struct run *r, const struct sim_script_line *l, estab_conn conn)
{
    struct named_conn *c = conn_of(r, l);
    struct estab_status status;

    *c = (struct named_conn){ .conn = conn };
    if (estab_status(stack_of(r, l->host), conn, &status) < 0)
        return;
    c->was_bound = true;
    c->local = status.local;
    c->remote = status.remote;
}

static struct listener *
listener_of(struct player *p, uint16_t port)
{
    for (unsigned i = p->n_listeners; i-- > 0;)
        if (port == 0 || p->listener[i].port == port)
            return &p->listener[i];
    return NULL;
}

static int64_t
call_listen(struct run *r, const struct sim_script_line *l)
{
    struct player *p = &r->player[l->host];
    const struct estab_endpoint any = { .port = l->port };
    estab_conn conn;
    int result = estab_listen(stack_of(r, l->host), &any, l->backlog, NULL, &conn,
                              sim_host_now(r->w.hosts[l->host]));

    if (result == 0 && p->n_listeners < LISTENERS)
        p->listener[p->n_listeners++] = (struct listener){ conn, l->port };
    if (result == 0 && l->host != r->s->peer) {
        r->host_port = l->port;
        r->peer_port = PEER_PORT;
    }
    return result;
}

static int64_t
call_unlisten(struct run *r, const struct sim_script_line *l)
{
    struct player *p = &r->player[l->host];
    struct listener *which = listener_of(p, l->port);
    int result;

    if (which == NULL)
        return -ESTAB_EBADF;
    result = estab_close(stack_of(r, l->host), which->conn, sim_host_now(r->w.hosts[l->host]));
    *which = p->listener[--p->n_listeners];
    return result;
}

static int64_t
call_connect(struct run *r, const struct sim_script_line *l)
{
    struct sim_host *host = r->w.hosts[l->host], *other = r->w.hosts[l->other];
    struct estab_endpoint local = { .port = l->local_port };
    struct estab_endpoint remote = { .port = l->port };
    estab_conn conn;
    int result;

    remote.addr = sim_world_address(&r->w, other, host, ESTAB_INET);
    if (remote.addr.family == 0)
        remote.addr = sim_world_address(&r->w, other, host, ESTAB_INET6);
    if (remote.addr.family == 0)
        return -ESTAB_ENETUNREACH;
    result = estab_connect(host->stack, &local, &remote, NULL, &conn, sim_host_now(host));
    if (result == 0)
        bind_name(r, l, conn);
    return result;
}

static int64_t
call_accept(struct run *r, const struct sim_script_line *l)
{
    struct listener *which = listener_of(&r->player[l->host], l->port);
    estab_conn conn;
    int result;

    if (which == NULL)
        return -ESTAB_EBADF;
    result =
        estab_accept(stack_of(r, l->host), which->conn, &conn, sim_host_now(r->w.hosts[l->host]));
    if (result == 0)
        bind_name(r, l, conn);
    return result;
}

static int64_t
call_send(struct run *r, const struct sim_script_line *l)
{
    const void *text = l->has_text ? r->s->strings + l->text.at : (const void *)r->buffer;
    uint32_t len = l->has_text ? l->text.len : l->number;

    for (uint32_t i = 0; !l->has_text && i < len; i++)
        r->buffer[i] = sim_segment_octet(i);
    return estab_send(stack_of(r, l->host), conn_of(r, l)->conn, text, len,
                      sim_host_now(r->w.hosts[l->host]));
}

static int64_t
call_set(struct run *r, const struct sim_script_line *l)
{
    struct estab_tcp_options options;
    int result = estab_get_options(stack_of(r, l->host), conn_of(r, l)->conn, &options);

    if (result < 0)
        return result;
    sim_settings_copy(&options, &l->options, l->options_given);
    return estab_set_options(stack_of(r, l->host), conn_of(r, l)->conn, &options,
                             sim_host_now(r->w.hosts[l->host]));
}

/* `got` octets have been received by this call before. */
static int64_t
make_call(struct run *r, const struct sim_script_line *l, uint32_t got)
{
    struct estab_stack *stack = stack_of(r, l->host);
    estab_time now = sim_host_now(r->w.hosts[l->host]);
    estab_conn conn = conn_of(r, l)->conn;
    int64_t result = 0;

    switch (l->call) {
    case SIM_CALL_LISTEN:
        result = call_listen(r, l);
        break;
    case SIM_CALL_UNLISTEN:
        result = call_unlisten(r, l);
        break;
    case SIM_CALL_CONNECT:
        result = call_connect(r, l);
        break;
    case SIM_CALL_ACCEPT:
        result = call_accept(r, l);
        break;
    case SIM_CALL_SEND:
        result = call_send(r, l);
        break;
    case SIM_CALL_RECEIVE:
        result = estab_receive(stack, conn, r->buffer + got, l->number - got, now);
        break;
    case SIM_CALL_SHUTDOWN:
        result = estab_shutdown(stack, conn, now);
        break;
    case SIM_CALL_CLOSE:
        result = estab_close(stack, conn, now);
        break;
    case SIM_CALL_ABORT:
        result = estab_abort(stack, conn, now);
        break;
    case SIM_CALL_SET:
        result = call_set(r, l);
        break;
    case SIM_CALL_DRAIN:
        conn_of(r, l)->drains = true;
        drain(r, l->host, conn_of(r, l));
        break;
    case SIM_CALL_POUR:
        conn_of(r, l)->to_pour += l->number;
        result = pour(r, l->host, conn_of(r, l));
        break;
    }
    if (l->call == SIM_CALL_RECEIVE && result > 0)
        r->player[l->host].octets += (uint64_t)result;
    sim_world_pump(&r->w, r->w.hosts[l->host]);
    return result;
}

static const char *
error_name(int64_t error)
{
    static const struct {
        int value;
        const char *name;
    } names[] = {
#define X(name, value, text) { value, #name },
        ESTAB_ERRORS(X)
#undef X
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        if (-error == names[i].value)
            return names[i].name;
    return "an error without a name";
}

static bool
is_result(const struct run *r, const struct sim_script_line *l, int64_t result)
{
    switch (l->result) {
    case SIM_RESULT_NONE:
    case SIM_RESULT_OK:
        return result >= 0;
    case SIM_RESULT_NUMBER:
    case SIM_RESULT_ERROR:
        return result == l->result_number;
    case SIM_RESULT_END:
        return result == 0;
    case SIM_RESULT_TEXT:
        return result == (int64_t)l->result_text.len &&
               (result == 0 ||
                memcmp(r->buffer, r->s->strings + l->result_text.at, l->result_text.len) == 0);
    }
    return false;
}

static void
show_result(const struct run *r, const struct sim_script_line *l, int64_t result,
            struct sim_text *t)
{
    if (result < 0) {
        sim_text_put(t, error_name(result));
        sim_text_put(t, " (");
        sim_text_put(t, estab_err_text((int)result));
        sim_text_put(t, ")");
    } else if (l->call == SIM_CALL_RECEIVE && result == 0) {
        sim_text_put(t, "end");
    } else if (l->call == SIM_CALL_RECEIVE && l->result == SIM_RESULT_TEXT) {
        sim_text_quoted(t, (const char *)r->buffer, (size_t)result);
    } else if (l->call == SIM_CALL_RECEIVE || l->call == SIM_CALL_SEND) {
        sim_text_number(t, result);
    } else {
        sim_text_put(t, "ok");
    }
}

static bool
fail_call(struct run *r, const struct sim_script_line *l, int64_t result)
{
    struct sim_text t;

    if (begin_failure(r, l, l->result_column != 0 ? l->result_column : l->column, &t) == NULL)
        return false;
    sim_text_put(&t, "expected ");
    if (l->result == SIM_RESULT_ERROR)
        sim_text_put(&t, error_name(l->result_number));
    else if (l->result == SIM_RESULT_NUMBER)
        sim_text_number(&t, l->result_number);
    else if (l->result == SIM_RESULT_END)
        sim_text_put(&t, "end");
    else if (l->result == SIM_RESULT_TEXT)
        sim_text_quoted(&t, r->s->strings + l->result_text.at, l->result_text.len);
    else
        sim_text_put(&t, "ok");
    if (l->within != 0) {
        sim_text_put(&t, " within ");
        sim_text_duration(&t, l->within);
    }
    sim_text_put(&t, ", seen ");
    show_result(r, l, result, &t);
    put_at(&t, r->w.now);
    return false;
}

/* Is there still something to wait for? */
static bool
is_unfinished(const struct sim_script_line *l, int64_t result, uint32_t got)
{
    if (result == -ESTAB_EAGAIN)
        return true;
    return l->call == SIM_CALL_RECEIVE && result > 0 && got < l->number &&
           (l->result == SIM_RESULT_NUMBER || l->result == SIM_RESULT_TEXT);
}

static bool
play_call(struct run *r, const struct sim_script_line *l)
{
    estab_time until = r->w.now + l->within;
    uint32_t got = 0;
    int64_t result;
    bool steps = true;

    r->is_patient = l->within != 0 && l->result_number != -ESTAB_EAGAIN;
    for (;;) {
        result = make_call(r, l, got);
        if (l->call == SIM_CALL_RECEIVE && result > 0)
            got += (uint32_t)result;
        if (!is_unfinished(l, result, got) || !r->is_patient || !steps)
            break;
        steps = r->w.now < until && advance_a_step(r, l, until);
        if (r->result->failed)
            return false;
        if (!steps && r->w.now >= until && !is_unfinished(l, result, got))
            break;
    }
    r->is_patient = false;
    if (got > 0 && result == -ESTAB_EAGAIN)
        result = 0; /* some, and no more came */
    if (got > 0 && result >= 0)
        result = got;
    if (sim_failed(&r->w))
        return fail_invariant(r, l);
    if (!is_result(r, l, result))
        return fail_call(r, l, result);
    r->result->checks += l->result != SIM_RESULT_NONE;
    return true;
}

/* ---- segments ---- */

static struct flow *
flow_of_line(struct run *r, const struct sim_script_line *l, bool is_expected)
{
    const struct sim_script_segment *seg = &l->segment;
    uint16_t peer = r->peer_port, host = r->host_port;

    if (is_expected)
        return flow_of(r, peer, host);
    if (seg->from.given)
        peer = (uint16_t)seg->from.value;
    if (seg->to.given)
        host = (uint16_t)seg->to.value;
    if (peer == 0 || host == 0)
        return NULL;
    r->peer_port = peer;
    r->host_port = host;
    return flow_of(r, peer, host);
}

static bool
play_inject(struct run *r, const struct sim_script_line *l)
{
    struct sim_host *peer = r->w.hosts[r->s->peer];
    const struct sim_interface *at = &peer->interfaces[0];
    const struct sim_joint *j = &r->w.joints[at->link];
    const struct sim_interface *far = &r->w.hosts[j->end[1u - at->side].host]->interfaces[0];
    bool v4 = at->v4.family != 0;
    struct flow *f = flow_of_line(r, l, false);
    struct sim_segment_names names;
    struct sim_segment_numbers numbers;
    struct estab_frame frame = { .data = r->buffer };

    for (unsigned i = 0; i < r->w.hosts[j->end[1u - at->side].host]->n_interfaces; i++)
        if (r->w.hosts[j->end[1u - at->side].host]->interfaces[i].link == at->link)
            far = &r->w.hosts[j->end[1u - at->side].host]->interfaces[i];
    if (f == NULL)
        return fail_plain(r, l, "no connection is known yet: from= and to= give the ports");
    names.src = (struct estab_endpoint){ v4 ? at->v4 : at->v6, f->peer_port };
    names.dst = (struct estab_endpoint){ v4 ? far->v4 : far->v6, f->host_port };
    numbers = numbers_of(f);
    if (sim_segment_text_len(&l->segment) + SIM_SEGMENT_ROOM > at->mtu)
        return fail_plain(r, l, "this segment may be larger than the MTU of the link");
    frame.len = sim_segment_write(r->buffer, r->s, &l->segment, &numbers, &names);
    sim_world_send(&r->w, peer, 1, &frame);
    return advance(r, l, r->w.now);
}

static bool
fail_segment(struct run *r, const struct sim_script_line *l, const struct arrival *a)
{
    struct sim_text t;

    if (begin_failure(r, l, l->column, &t) == NULL)
        return false;
    sim_text_put(&t, "expected ");
    if (l->kind == SIM_LINE_AWAIT)
        sim_segment_show(&t, r->s, &l->segment);
    else
        sim_text_put(&t, "no segment");
    if (l->within != 0) {
        sim_text_put(&t, " within ");
        sim_text_duration(&t, l->within);
    }
    sim_text_put(&t, ", seen ");
    if (a != NULL) {
        struct sim_segment_numbers numbers;
        struct sim_packet p;

        sim_packet_read(&p, a->packet, a->len);
        numbers = numbers_of(flow_of(r, p.dst.port, p.src.port));
        sim_segment_show_packet(&t, &p, &numbers);
        put_at(&t, a->at);
    } else {
        sim_text_put(&t, "none");
        put_at(&t, r->w.now);
    }
    return false;
}

/* Segments that came earlier than this line should have been expected by one before. */
static bool
check_arrivals(struct run *r, const struct sim_script_line *l, estab_time before)
{
    const struct arrival *a = &r->arrival[r->first_arrival];

    if (r->overflowed)
        return fail_plain(r, l, "more than 256 segments have come that no line expects");
    if (r->n_arrivals == 0 || a->at >= before)
        return true;
    return fail_segment(r, l, a);
}

static bool
play_await(struct run *r, const struct sim_script_line *l)
{
    estab_time until = r->w.now + l->within;
    struct sim_segment_numbers numbers;
    struct sim_packet p;
    bool steps = true;

    while (r->n_arrivals == 0 && steps) {
        steps = r->w.now < until && advance_a_step(r, l, until);
        if (r->result->failed)
            return false;
    }
    if (r->n_arrivals == 0)
        return fail_segment(r, l, NULL);
    sim_packet_read(&p, r->arrival[r->first_arrival].packet, r->arrival[r->first_arrival].len);
    if (!p.is_tcp)
        return fail_segment(r, l, &r->arrival[r->first_arrival]);
    numbers = numbers_of(flow_of(r, p.dst.port, p.src.port));
    if (!sim_segment_matches(r->s, &l->segment, &p, &numbers))
        return fail_segment(r, l, &r->arrival[r->first_arrival]);
    drop_arrival(r);
    r->result->checks++;
    return true;
}

/* ---- faults and the rest ---- */

static bool
play_fault(struct run *r, const struct sim_script_line *l)
{
    struct sim_host *host = r->w.hosts[l->host];
    struct sim_hold hold = l->hold;
    struct sim_joint *j;
    unsigned side = 0;

    if (l->other != SIM_SCRIPT_ALL_HOSTS) {
        j = sim_world_joint(&r->w, host, r->w.hosts[l->other], &side);
    } else {
        if (host->n_interfaces != 1)
            return fail_plain(r, l, "this host has not one link but others: `to HOST` says which");
        j = &r->w.joints[host->interfaces[0].link];
        side = host->interfaces[0].side;
    }
    if (j == NULL)
        return fail_plain(r, l, "these two hosts have no link");
    hold.direction = (uint8_t)side;
    return sim_link_hold(&j->link, &hold) ||
           fail_plain(r, l, "too much goes wrong on this link: at most 8 at once");
}

static bool
play_cut(struct run *r, const struct sim_script_line *l)
{
    unsigned side;
    struct sim_joint *j = sim_world_joint(&r->w, r->w.hosts[l->host], r->w.hosts[l->other], &side);

    if (j == NULL)
        return fail_plain(r, l, "these two hosts have no link");
    if (l->kind == SIM_LINE_CUT)
        sim_link_cut(&j->link, r->w.now);
    else
        sim_link_mend(&j->link, r->w.now);
    return true;
}

static bool
play_reboot(struct run *r, const struct sim_script_line *l)
{
    struct player *p = &r->player[l->host];

    if (r->s->host[l->host].is_peer)
        return fail_plain(r, l, "the peer has no memory to lose");
    r->w.hosts[l->host]->keeps_secret = l->same_secret;
    sim_world_reboot(&r->w, r->w.hosts[l->host]);
    memset(p, 0, sizeof *p);
    prepare(r, l->host);
    return !sim_failed(&r->w) || fail_invariant(r, l);
}

static bool
play_pause(struct run *r, const struct sim_script_line *l)
{
    if (r->s->host[l->host].is_peer)
        return fail_plain(r, l, "the peer does nothing by itself that could be paused");
    r->w.hosts[l->host]->paused_until = r->w.now + l->hold.release_after;
    return true;
}

/* No memory is to be had from now on, or again. */
static bool
play_starve(struct run *r, const struct sim_script_line *l)
{
    struct sim_alloc *a = &r->w.hosts[l->host]->alloc;

    if (r->s->host[l->host].is_peer)
        return fail_plain(r, l, "the peer has no memory to lose");
    a->fail_after = l->kind == SIM_LINE_STARVE;
    a->fail_at = a->fail_after ? a->calls : SIM_NO_FAILURE;
    return true;
}

/* The interface at which `host` hears `other`; 0: they have no link. */
static unsigned
ifindex_of(const struct run *r, const struct sim_host *host, const struct sim_host *other)
{
    for (unsigned i = 0; i < host->n_interfaces; i++) {
        const struct sim_joint *j = &r->w.joints[host->interfaces[i].link];

        if (j->end[1u - host->interfaces[i].side].host == other->number)
            return i + 1;
    }
    return 0;
}

/* What `victim` holds of a connection with the address, and with the ports that were given. */
static bool
find_victim(const struct run *r, const struct sim_script_line *l, const struct estab_addr *src,
            struct estab_status *status)
{
    const struct sim_script_segment *seg = &l->segment;
    uint64_t cursor = 0;

    while (estab_stack_next(stack_of(r, l->other), &cursor, status))
        if (status->state != ESTAB_TCPS_LISTEN && estab_addr_equal(&status->remote.addr, src) &&
            (!seg->from.given || status->remote.port == seg->from.value) &&
            (!seg->to.given || status->local.port == seg->to.value))
            return true;
    return false;
}

/* A segment in somebody else's name. Its numbers count from what the connection expects; without
 * a connection they are what they are, and the ports must be given. */
static bool
play_forge(struct run *r, const struct sim_script_line *l)
{
    struct sim_host *victim = r->w.hosts[l->other], *other = r->w.hosts[l->host];
    unsigned ifindex = ifindex_of(r, victim, other);
    struct sim_script_segment seg = l->segment;
    const struct sim_segment_numbers numbers = { 0 };
    struct sim_segment_names names;
    struct estab_status status;
    const struct sim_interface *at;

    if (ifindex == 0)
        return fail_plain(r, l, "these two hosts have no link");
    at = &victim->interfaces[ifindex - 1];
    names.dst.addr = at->v4.family != 0 ? at->v4 : at->v6;
    names.src.addr =
        sim_world_address(&r->w, other, victim, at->v4.family != 0 ? ESTAB_INET : ESTAB_INET6);
    names.src.port = (uint16_t)seg.from.value;
    names.dst.port = (uint16_t)seg.to.value;
    if (!l->is_blind) {
        if (!find_victim(r, l, &names.src.addr, &status))
            return fail_plain(r, l,
                              "nothing is known here of a connection with that host: `blind` "
                              "sends it nevertheless");
        names.src.port = status.remote.port;
        names.dst.port = status.local.port;
        seg.seq.value += status.tcb.rcv_nxt;
        seg.ack.value += status.tcb.snd_una;
    }
    if (sim_segment_text_len(&seg) + SIM_SEGMENT_ROOM > at->mtu)
        return fail_plain(r, l, "this segment may be larger than the MTU of the link");
    sim_world_inject(&r->w, victim, ifindex, r->buffer,
                     sim_segment_write(r->buffer, r->s, &seg, &numbers, &names), r->w.now);
    return advance(r, l, r->w.now);
}

static void
put_named(struct sim_text *t, const char *name, uint64_t value)
{
    sim_text_put(t, name);
    sim_text_number(t, (int64_t)value);
}

/* Milliseconds are fine enough, when there are ten of them. */
static void
put_rounded(struct sim_text *t, const char *name, estab_time ns)
{
    sim_text_put(t, name);
    sim_text_duration(t, ns >= ESTAB_MS(10) ? ns / ESTAB_MS(1) * ESTAB_MS(1) : ns);
}

/* What a connection says of itself, in the RFC's names: the same in every language. */
static bool
play_tell(struct run *r, const struct sim_script_line *l)
{
    struct estab_status st;
    char room[256];
    struct sim_text t = SIM_TEXT(room);

    if (r->s->host[l->host].is_peer)
        return fail_plain(r, l, "the peer has nothing to tell: the script plays it");
    sim_text_put(&t, r->s->host[l->host].name.text);
    if (l->conn != 0) {
        sim_text_put(&t, ".");
        sim_text_put(&t, r->s->name[l->conn].text);
    }
    if (estab_status(stack_of(r, l->host), conn_of(r, l)->conn, &st) < 0) {
        sim_text_put(&t, ": CLOSED");
    } else {
        sim_text_put(&t, ": ");
        sim_text_put(&t, estab_state_name(st.state));
        put_named(&t, ", cwnd ", st.tcb.cwnd);
        if (st.tcb.ssthresh < INT32_MAX)
            put_named(&t, ", ssthresh ", st.tcb.ssthresh);
        put_rounded(&t, ", SRTT ", ESTAB_US((estab_time)st.tcb.srtt_us));
        put_rounded(&t, ", RTO ", ESTAB_US((estab_time)st.tcb.rto_us));
        put_named(&t, ", SND.WND ", st.tcb.snd_wnd);
        put_named(&t, ", sent ", st.bytes_sent);
        put_named(&t, ", received ", st.bytes_received);
    }
    if (r->watch->say != NULL)
        r->watch->say(r->watch->ctx, room, t.len);
    return true;
}

static bool
play_flood(struct run *r, const struct sim_script_line *l)
{
    struct flood *f = &r->flood[r->n_floods];

    if (r->n_floods == FLOODS)
        return fail_plain(r, l, "too many floods: at most 4");
    if (r->w.hosts[l->other]->n_interfaces == 0)
        return fail_plain(r, l, "this host has no link");
    *f = (struct flood){ .left = l->number,
                         .host = l->other,
                         .port = l->port,
                         .gap = l->hold.release_after > 0 ? l->hold.release_after : ESTAB_MS(1) };
    sim_world_wake(&r->w, r->w.now, r->n_floods++);
    return advance(r, l, r->w.now);
}

static void
play_say(struct run *r, const struct sim_script_line *l)
{
    if (l->language == SIM_SAY_ALL || l->language == r->how->language)
        if (r->watch->say != NULL)
            r->watch->say(r->watch->ctx, r->s->strings + l->text.at, l->text.len);
}

/* Is a line that is not as it says no failure? */
static bool
is_judged_softly(const struct run *r, const struct sim_script_line *l)
{
    return r->how->without != NULL && (l->mode == SIM_PLAY_ALWAYS || l->mode == SIM_PLAY_HARM);
}

static bool
play_line(struct run *r, const struct sim_script_line *l)
{
    estab_time at =
        l->when == SIM_WHEN_AT ? l->time : r->at + (l->when == SIM_WHEN_AFTER ? l->time : 0);

    if (at < r->w.now && is_judged_softly(r, l))
        at = r->w.now; /* what came before has taken longer than it does with all rules */
    if (at < r->w.now)
        return fail_plain(r, l, "this instant is over already");
    if (!advance(r, l, at) || !check_arrivals(r, l, at))
        return false;
    switch (l->kind) {
    case SIM_LINE_SAY:
        play_say(r, l);
        break;
    case SIM_LINE_CALL:
        if (!play_call(r, l) || !advance(r, l, r->w.now))
            return false;
        break;
    case SIM_LINE_INJECT:
        if (!play_inject(r, l))
            return false;
        break;
    case SIM_LINE_AWAIT:
        if (!play_await(r, l))
            return false;
        break;
    case SIM_LINE_AWAIT_NOTHING:
        if (r->n_arrivals > 0)
            return fail_segment(r, l, &r->arrival[r->first_arrival]);
        r->result->checks++;
        break;
    case SIM_LINE_EXPECT_STATE:
    case SIM_LINE_EXPECT_FREE:
    case SIM_LINE_EXPECT_COUNT:
        if (!play_expect(r, l))
            return false;
        break;
    case SIM_LINE_FAULT:
        if (!play_fault(r, l))
            return false;
        break;
    case SIM_LINE_CUT:
    case SIM_LINE_MEND:
        if (!play_cut(r, l))
            return false;
        break;
    case SIM_LINE_REBOOT:
        if (!play_reboot(r, l))
            return false;
        break;
    case SIM_LINE_PAUSE:
        if (!play_pause(r, l))
            return false;
        break;
    case SIM_LINE_STARVE:
    case SIM_LINE_FEED:
        if (!play_starve(r, l))
            return false;
        break;
    case SIM_LINE_FORGE:
        if (!play_forge(r, l))
            return false;
        break;
    case SIM_LINE_FLOOD:
        if (!play_flood(r, l))
            return false;
        break;
    case SIM_LINE_TELL:
        if (!play_tell(r, l))
            return false;
        break;
    case SIM_LINE_DRAW:
        if (r->watch->draw != NULL)
            r->watch->draw(r->watch->ctx, l->number != 0);
        break;
    }
    r->at = r->w.now;
    return true;
}

/* ---- with and without rules ---- */

/* How many rules of the list there are, and how many of them are taken away. */
static void
count_rules(const struct run *r, const struct sim_script_rules *rules, unsigned *all, unsigned *off)
{
    struct sim_word name;

    *off = 0;
    for (*all = 0; sim_rules_nth(r->s, rules, *all, &name); ++*all)
        *off += sim_script_is_without(r->how->without, name.s, name.len);
}

/* A failure that is none, or not here: it is kept as a difference, or forgotten. */
static void
forgive(struct run *r, bool keep)
{
    struct sim_script_result *result = r->result;

    if (keep && result->differences < SIM_SCRIPT_DIFFERENCES) {
        struct sim_script_difference *d = &result->difference[result->differences];
        struct sim_text t = SIM_TEXT(d->text);

        d->line = result->line;
        d->column = result->column;
        sim_text_put(&t, result->text);
    }
    result->differences += keep;
    result->failed = false;
    result->line = result->column = 0;
    result->text[0] = '\0';
    r->at = r->w.now;
}

/* Where the first harm of a counterfactual is seen, it is said what it is. */
static void
say_harm(struct run *r, const struct sim_script_line *l)
{
    const struct sim_script *s = r->s;

    for (uint32_t i = 0; i < s->n_counterfactuals && r->watch->say != NULL; i++) {
        const struct sim_script_counterfactual *k = &s->counterfactual[i];
        const struct sim_script_text *text = &k->harm[r->how->language];

        if (k->rules.list.len != l->rules.list.len ||
            memcmp(s->strings + k->rules.list.at, s->strings + l->rules.list.at,
                   l->rules.list.len) != 0)
            continue;
        if (text->len == 0)
            text = &k->harm[SIM_SAY_ALL];
        if (text->len > 0 && (r->harms_said >> i & 1) == 0)
            r->watch->say(r->watch->ctx, s->strings + text->at, text->len);
        r->harms_said |= 1u << i;
    }
}

static bool
play_harm(struct run *r, const struct sim_script_line *l)
{
    unsigned all, off;
    bool seen;

    count_rules(r, &l->rules, &all, &off);
    seen = play_line(r, l);
    if (r->is_hopeless)
        return false;
    if (all == off) { /* it must be seen */
        if (seen && r->result->harms < SIM_SCRIPT_DIFFERENCES)
            r->result->harm_line[r->result->harms] = l->line;
        r->result->harms += seen;
        if (seen)
            say_harm(r, l);
        return seen;
    }
    if (!seen)
        forgive(r, false);
    if (seen && r->how->without == NULL)
        return fail_plain(r, l, "this harm is seen although the rule is in force");
    r->result->checks += r->how->without == NULL;
    return true;
}

/* false: the run is over. */
static bool
play_if_meant(struct run *r, const struct sim_script_line *l)
{
    unsigned all, off;

    count_rules(r, &l->rules, &all, &off);
    if ((l->mode == SIM_PLAY_WITH && off > 0) || (l->mode == SIM_PLAY_WITHOUT && off < all))
        return true;
    if (l->mode == SIM_PLAY_HARM)
        return play_harm(r, l);
    if (play_line(r, l))
        return true;
    if (!is_judged_softly(r, l) || r->is_hopeless)
        return false;
    forgive(r, true);
    return true;
}

static void
play(struct run *r)
{
    struct sim_script_line end = { .line = 1, .column = 1 };

    for (size_t i = 0; i < r->s->n_lines; i++) {
        if (!play_if_meant(r, &r->s->lines[i]))
            return;
        end.line = r->s->lines[i].line;
        end.column = r->s->lines[i].column;
    }
    end.kind = SIM_LINE_AWAIT_NOTHING;
    if (r->n_arrivals > 0)
        fail_segment(r, &end, &r->arrival[r->first_arrival]);
}

static void
note_end(struct run *r)
{
    r->result->at = r->w.now;
    r->result->hash = r->w.hash;
    for (unsigned i = 0; i < 2; i++) {
        uint32_t host = r->s->shown[i];

        if (host >= r->w.n_hosts || r->w.hosts[host]->is_scripted)
            continue;
        r->result->has_status[i] = true;
        estab_stack_status(stack_of(r, host), &r->result->status[i]);
    }
}

bool
sim_script_is_without(const char *without, const char *rule, size_t len)
{
    while (without != NULL && *without != '\0') {
        const char *comma = strchr(without, ',');
        size_t n = comma != NULL ? (size_t)(comma - without) : strlen(without);

        if (n == len && memcmp(without, rule, len) == 0)
            return true;
        without += n + (comma != NULL);
    }
    return false;
}

bool
sim_script_run(const struct sim_script *s, const struct estab_alloc *from,
               enum sim_script_language language, const struct sim_script_watch *watch,
               struct sim_script_result *result)
{
    const struct sim_script_how how = { .language = language };

    return sim_script_play(s, from, &how, watch, result);
}

bool
sim_script_play(const struct sim_script *s, const struct estab_alloc *from,
                const struct sim_script_how *how, const struct sim_script_watch *watch,
                struct sim_script_result *result)
{
    struct run *r = from->get(from->ctx, sizeof *r, alignof(max_align_t));

    memset(result, 0, sizeof *result);
    if (r == NULL) {
        struct sim_text t = SIM_TEXT(result->text);

        result->failed = true;
        result->line = result->column = 1;
        sim_text_put(&t, "no memory to run this");
        return false;
    }
    memset(r, 0, sizeof *r);
    r->s = s;
    r->watch = watch;
    r->result = result;
    r->how = how;
    r->from = *from;
    if (build(r))
        play(r);
    note_end(r);
    take_down(r);
    if (r->w.failure.rule != NULL && !result->failed) {
        const struct sim_script_line end = { .line = 1, .column = 1 };

        fail_invariant(r, &end);
    }
    from->put(from->ctx, r, sizeof *r);
    return !result->failed;
}
