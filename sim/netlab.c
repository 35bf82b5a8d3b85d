/* SPDX-License-Identifier: MIT */
/* See netlab.h. */
#include "sim/netlab.h"

#include "sim/apps.h"

#include <stdalign.h>
#include <string.h>

#define MTU 1500u
#define MSS 1448u /* with timestamps */
#define PORT 80
#define CHUNK 4096u
#define EVENTS_MAX UINT64_C(1000000000)
#define RING_MIN ((uint32_t)1 << 18)
#define RING_MAX ((uint32_t)1 << 26)

/* ---- the path ---- */

static uint64_t
bandwidth_delay(const struct sim_path *p)
{
    return (uint64_t)p->mbit * 125 * p->rtt_ms;
}

static uint64_t
queue_of(const struct sim_path *p)
{
    uint64_t queue = bandwidth_delay(p) * p->queue_percent / 100;

    return queue < 4 * (uint64_t)MTU ? 4 * (uint64_t)MTU : queue;
}

/* RTT/2 is the way there; what happens later happens after 3 s. */
static void
add_weather(struct sim_link_config *cfg, const struct sim_path *p)
{
    switch (p->weather) {
    case SIM_WEATHER_BURSTS:
        cfg->bursts = (struct sim_bursts){ 5000, 250000, 0, 500000 };
        break;
    case SIM_WEATHER_CODEL:
        cfg->codel = (struct sim_codel_config){ SIM_CODEL_TARGET, SIM_CODEL_INTERVAL };
        break;
    case SIM_WEATHER_JITTER:
        cfg->jitter = cfg->delay / 2;
        break;
    case SIM_WEATHER_LONGER:
    case SIM_WEATHER_SHORTER:
        cfg->route_at = ESTAB_SEC(3);
        cfg->route_delay = p->weather_ms != 0 ? ESTAB_US((int64_t)p->weather_ms * 500)
                           : p->weather == SIM_WEATHER_LONGER ? cfg->delay * 3
                                                              : cfg->delay / 3;
        break;
    case SIM_WEATHER_DUPLICATES:
        cfg->faults.duplicate_ppm = 50000;
        break;
    case SIM_WEATHER_CORRUPTION:
        cfg->faults.corrupt_ppm = 10000;
        break;
    case SIM_WEATHER_PULSES:
        cfg->faults.shut_every = ESTAB_MS(p->weather_ms != 0 ? p->weather_ms : 1000);
        cfg->faults.shut_for = ESTAB_MS(50);
        break;
    case SIM_WEATHER_ACK_LOSS:
        cfg->faults.only = 1 + 1;
        cfg->faults.ack_loss_ppm = 300000;
        break;
    case SIM_WEATHER_ACK_BUNCH:
        cfg->coalesce = ESTAB_MS(10);
        cfg->coalesce_only = 1 + 1;
        break;
    default:
        break;
    }
}

const char *
sim_weather_name(unsigned weather)
{
    static const char *const names[] = {
#define X(name, word, text) word,
        SIM_WEATHERS(X)
#undef X
    };

    return weather < SIM_WEATHER_COUNT ? names[weather] : "?";
}

const char *
sim_weather_text(unsigned weather)
{
    static const char *const texts[] = {
#define X(name, word, text) text,
        SIM_WEATHERS(X)
#undef X
    };

    return weather < SIM_WEATHER_COUNT ? texts[weather] : "?";
}

static struct sim_link_config
link_of(const struct sim_path *p, bool codel)
{
    struct sim_link_config cfg = { .delay = ESTAB_US((int64_t)p->rtt_ms * 500),
                                   .bits_per_second = (uint64_t)p->mbit * 1000000,
                                   .queue_bytes = (uint32_t)queue_of(p),
                                   .heal_at = ESTAB_NEVER };

    cfg.faults.only = 1 + 0;
    cfg.faults.loss_ppm = p->loss_ppm;
    cfg.faults.reorder_ppm = p->reorder_ppm;
    cfg.faults.reorder_extra = ESTAB_US((int64_t)p->rtt_ms * 250);
    if (codel)
        cfg.codel = (struct sim_codel_config){ SIM_CODEL_TARGET, SIM_CODEL_INTERVAL };
    add_weather(&cfg, p);
    return cfg;
}

/* The defaults, with buffers that hold what the path and its queue do, twice over. */
static void
configure(struct estab_config *cfg, const struct sim_path *p)
{
    uint64_t need = 2 * (bandwidth_delay(p) + queue_of(p));
    uint32_t ring = RING_MIN;

    estab_config_init(cfg);
    while (ring < need && ring < RING_MAX)
        ring <<= 1;
    cfg->tcp.send_buffer_max = cfg->tcp.receive_buffer_max = ring;
    cfg->memory_budget = (size_t)4 * RING_MAX;
}

uint64_t
sim_path_theory(const struct sim_path *p)
{
    uint64_t rate = (uint64_t)p->mbit * 1000 * MSS / MTU, root = 0, mathis;

    if (p->loss_ppm == 0)
        return rate;
    /* 1 / sqrt(ppm / 10^6) = 10^5 / sqrt(ppm * 10^4), and bits per millisecond are kbit/s */
    while ((root + 1) * (root + 1) <= (uint64_t)p->loss_ppm * 10000)
        root++;
    mathis = (uint64_t)MSS * 8 * 12247 * 10 / root / p->rtt_ms;
    return mathis < rate ? mathis : rate;
}

/* ---- one flow ---- */

struct flow {
    const struct sim_flow_plan *plan;
    struct sim_flow_result *result;
    struct sim_world world;
    struct sim_apps apps;
    uint8_t *arrived; /* a bit for each octet */
    uint32_t iss;
    uint32_t sent_end; /* relative to iss + 1 */
};

static bool
has_arrived(const struct flow *f, uint32_t at)
{
    return at < f->plan->octets && (f->arrived[at / 8] >> at % 8 & 1) != 0;
}

/* Notes [at, at + len); true: all of it had arrived before. */
static bool
arrive(struct flow *f, uint32_t at, uint32_t len)
{
    bool before = true;

    for (uint32_t i = at; i < at + len && i < f->plan->octets; i++) {
        if (i % 8 == 0 && at + len - i >= 8 && i + 8 <= f->plan->octets) {
            before = before && f->arrived[i / 8] == 0xff;
            f->arrived[i / 8] = 0xff;
            i += 7;
            continue;
        }
        before = before && has_arrived(f, i);
        f->arrived[i / 8] = (uint8_t)(f->arrived[i / 8] | 1u << i % 8);
    }
    return before;
}

static void
look_at_sent(struct flow *f, const struct estab_trace *r)
{
    struct sim_flow_result *to = f->result;
    uint32_t at = r->seg.seq - f->iss - 1;

    if ((r->seg.ctl & ESTAB_CTL_SYN) != 0) {
        f->iss = r->seg.seq;
        return;
    }
    if (r->reason == ESTAB_WHY_RETRANSMIT_RTO) {
        to->timeouts++;
        to->needless += has_arrived(f, at);
    }
    to->probes += r->reason == ESTAB_WHY_LOSS_PROBE;
    if (r->seg.len == 0)
        return;
    to->sent++;
    to->sent_again += at < f->sent_end;
    to->beyond += at < f->sent_end && r->tcb.pipe > r->tcb.cwnd &&
                  r->reason != ESTAB_WHY_RETRANSMIT_RTO && r->reason != ESTAB_WHY_LOSS_PROBE;
    if (at + r->seg.len > f->sent_end)
        f->sent_end = at + r->seg.len;
}

static void
look_at_received(struct flow *f, const struct estab_trace *r)
{
    struct sim_flow_result *to = f->result;
    const struct sim_hold *hold = &f->world.joints[0].link.cfg.holds[0];

    if (r->seg.len == 0 ||
        (r->verdict > ESTAB_SEG_ACCEPTED_PROBE && r->verdict != ESTAB_SEG_DROP_DUPLICATE))
        return;
    to->spurious += arrive(f, r->seg.seq - f->iss - 1, r->seg.len);
    if (f->plan->n_holds > 0 && hold->hit_at != 0 && to->repaired < 0 &&
        has_arrived(f, hold->seq - f->iss - 1))
        to->repaired = r->at - hold->hit_at - f->world.joints[0].link.cfg.delay;
}

static void
look(void *ctx, struct sim_host *host, const struct estab_trace *r)
{
    struct flow *f = ctx;

    if (r->proto != 6 && r->kind <= ESTAB_TRACE_PACKET_OUT)
        return;
    if (host->number == 0 && r->kind == ESTAB_TRACE_PACKET_OUT)
        look_at_sent(f, r);
    else if (host->number == 1 && r->kind == ESTAB_TRACE_PACKET_IN)
        look_at_received(f, r);
    else if (host->number == 0 && r->kind == ESTAB_TRACE_PACKET_IN && f->plan->sample != NULL)
        f->plan->sample(f->plan->sample_ctx, r);
}

static struct sim_dialogue
dialogue(const struct sim_world *w, uint32_t from, uint32_t to, uint64_t octets, uint8_t cc)
{
    struct sim_dialogue d = { .host = { from, to }, .port = { 0, PORT } };

    for (unsigned i = 0; i < 2; i++) {
        d.addr[i] = sim_world_address(w, w->hosts[d.host[i]], w->hosts[d.host[1 - i]], ESTAB_INET);
        d.options[i] = w->hosts[d.host[i]]->cfg.tcp;
        d.part[i] = sim_part(0);
    }
    d.options[0].cc = cc;
    d.part[0].chunk = CHUNK; /* what the ring has no room for is made in vain */
    d.part[0].total = octets;
    return d;
}

static bool
build_flow(struct flow *f)
{
    const struct sim_flow_plan *plan = f->plan;
    struct sim_world *w = &f->world;
    struct sim_link_config link = link_of(&plan->path, plan->codel);
    struct sim_dialogue d;
    struct estab_config cfg;

    link.n_holds = plan->n_holds;
    memcpy(link.holds, plan->holds, sizeof link.holds);
    configure(&cfg, &plan->path);
    w->hash_traces = false;
    w->observer.ctx = f;
    w->observer.trace = look;
    for (unsigned i = 0; i < 2; i++)
        if (sim_world_add_host(w, &cfg, SIM_NO_FAILURE) == NULL)
            return false;
    if (!sim_world_join(w, w->hosts[0], w->hosts[1], &link, MTU, MTU, true, false) ||
        sim_apps_listen(&f->apps, w->hosts[1], PORT, 1, 0, NULL) != 0)
        return false;
    d = dialogue(w, 0, 1, plan->octets, plan->cc);
    sim_apps_add(&f->apps, &d);
    return true;
}

/* As far as the receiver, who says nothing and so has ended when the sender has. */
static void
run_flow(struct flow *f)
{
    struct sim_flow_result *to = f->result;
    const struct sim_actor *receiver = &f->apps.actors[1];
    const struct sim_link_counts *counts = f->world.joints[0].link.counts;

    while (sim_world_next(&f->world) <= f->plan->until && receiver->phase != SIM_DONE &&
           !sim_failed(&f->world))
        (void)sim_world_run(&f->world,
                            f->world.now + ESTAB_SEC(1) < f->plan->until
                                ? f->world.now + ESTAB_SEC(1)
                                : f->plan->until,
                            EVENTS_MAX);
    to->heard = receiver->heard;
    to->complete = receiver->phase == SIM_DONE && receiver->heard == f->plan->octets;
    to->took = to->complete ? receiver->done_at : f->plan->until;
    to->queue_full = counts[0].queue_full + counts[0].codel_dropped;
}

bool
sim_flow_run(const struct estab_alloc *from, const struct sim_flow_plan *plan,
             struct sim_flow_result *result)
{
    size_t bits = (size_t)(plan->octets / 8 + 1);
    struct flow *f = from->get(from->ctx, sizeof *f, alignof(max_align_t));
    bool built;

    memset(result, 0, sizeof *result);
    result->repaired = -1;
    if (f == NULL)
        return false;
    memset(f, 0, sizeof *f);
    f->plan = plan;
    f->result = result;
    f->apps.world = &f->world;
    f->arrived = from->get(from->ctx, bits, 8);
    built = f->arrived != NULL && sim_world_init(&f->world, from, plan->seed, MTU) &&
            sim_apps_init(&f->apps, &f->world, 1) && build_flow(f);
    if (built) {
        memset(f->arrived, 0, bits);
        run_flow(f);
    }
    sim_apps_fini(&f->apps);
    sim_world_fini(&f->world);
    result->failure = f->world.failure.rule;
    if (f->arrived != NULL)
        from->put(from->ctx, f->arrived, bits);
    from->put(from->ctx, f, sizeof *f);
    return built;
}

/* ---- several flows ---- */

uint32_t
sim_jain(const uint64_t *x, unsigned n)
{
    uint64_t sum = 0, squares = 0;
    unsigned shift = 0;

    /* So small that the squares of sums have room, and large enough for six digits. */
    for (unsigned i = 0; i < n; i++)
        while (x[i] >> shift > (uint64_t)1 << 17)
            shift++;
    for (unsigned i = 0; i < n; i++) {
        sum += x[i] >> shift;
        squares += (x[i] >> shift) * (x[i] >> shift);
    }
    if (squares == 0)
        return 0;
    /* sum * sum < 2^44 and so times a million has room */
    return (uint32_t)(sum * sum * 1000 / n * 1000 / squares);
}

static bool
build_fair(struct sim_world *w, struct sim_apps *apps, const struct sim_fair_plan *plan)
{
    struct sim_link_config link = link_of(&plan->path, plan->codel);
    struct estab_config cfg;

    configure(&cfg, &plan->path);
    w->silent = true;
    w->hash_traces = false;
    for (unsigned i = 0; i < plan->n; i++) {
        struct sim_host *a = sim_world_add_host(w, &cfg, SIM_NO_FAILURE);
        struct sim_host *b = sim_world_add_host(w, &cfg, SIM_NO_FAILURE);
        struct sim_dialogue d;

        if (a == NULL || b == NULL || !sim_world_join(w, a, b, &link, MTU, MTU, true, false) ||
            !sim_world_share(w, a, b, w->hosts[0], w->hosts[1]) ||
            sim_apps_listen(apps, b, PORT, 1, 0, NULL) != 0)
            return false;
        d = dialogue(w, a->number, b->number, (uint64_t)1 << 40, plan->cc[i]);
        d.start_at = plan->start[i];
        sim_apps_add(apps, &d);
    }
    return true;
}

bool
sim_fair_run(const struct estab_alloc *from, const struct sim_fair_plan *plan,
             struct sim_fair_result *result)
{
    struct sim_world *w = from->get(from->ctx, sizeof *w, alignof(max_align_t));
    struct sim_apps apps;
    uint64_t sum = 0, can;
    bool built;

    memset(result, 0, sizeof *result);
    memset(&apps, 0, sizeof apps);
    if (w == NULL)
        return false;
    memset(w, 0, sizeof *w);
    apps.world = w;
    built = sim_world_init(w, from, plan->seed, MTU) && sim_apps_init(&apps, w, plan->n) &&
            build_fair(w, &apps, plan);
    if (built) {
        (void)sim_world_run(w, plan->from, EVENTS_MAX);
        for (unsigned i = 0; i < plan->n; i++)
            result->heard[i] = apps.actors[2 * i + 1].heard;
        (void)sim_world_run(w, plan->until, EVENTS_MAX);
        for (unsigned i = 0; i < plan->n; i++) {
            result->heard[i] = apps.actors[2 * i + 1].heard - result->heard[i];
            sum += result->heard[i];
        }
        can = (uint64_t)(plan->until - plan->from) / 1000000 * plan->path.mbit * 125 * MSS / MTU;
        result->use_ppm = (uint32_t)(sum * 1000 / (can / 1000));
        result->jain_ppm = sim_jain(result->heard, plan->n);
    }
    sim_apps_fini(&apps);
    sim_world_fini(w);
    result->failure = w->failure.rule;
    from->put(from->ctx, w, sizeof *w);
    return built;
}
