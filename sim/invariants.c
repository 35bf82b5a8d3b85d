/* SPDX-License-Identifier: MIT */
/* See invariants.h: the books, and who is called when. The rules themselves are in segment_rules.c
 * and host_rules.c. */
#include "sim/invariants.h"

#include "sim/checks.h"
#include "sim/packet.h"

#include <stdalign.h>
#include <string.h>

static const struct {
    const char *name, *text;
} rules[] = {
#define X(id, name, text) { name, text },
    SIM_RULES(X)
#undef X
};

void
sim_violated(struct sim_world *w, enum sim_rule rule, uint32_t host, uint64_t conn, uint64_t a,
             uint64_t b)
{
    if ((w->ignored[rule / 64] >> rule % 64 & 1) == 0)
        sim_fail(w, rules[rule].name, rules[rule].text, host, conn, a, b);
}

const char *
sim_rule_name(enum sim_rule rule)
{
    return rules[rule].name;
}

/* ---- flows ---- */

static uint64_t
hash_flow(uint32_t host, const struct estab_endpoint *local, const struct estab_endpoint *remote)
{
    uint64_t h = sim_mix(host, (uint64_t)local->port << 16 | remote->port);

    for (unsigned i = 0; i < 16; i++)
        h = h * 0x100000001b3U ^ (uint64_t)local->addr.bytes[i] << 8 ^ remote->addr.bytes[i];
    return sim_mix(h, 0);
}

static struct sim_flow *
find_slot(struct sim_flow *flows, size_t cap, uint32_t host, const struct estab_endpoint *local,
          const struct estab_endpoint *remote)
{
    size_t i = (size_t)hash_flow(host, local, remote) & (cap - 1);

    while (flows[i].used && (flows[i].host != host || !sim_endpoint_equal(&flows[i].local, local) ||
                             !sim_endpoint_equal(&flows[i].remote, remote)))
        i = (i + 1) & (cap - 1);
    return &flows[i];
}

static bool
grow_flows(struct sim_checks *c, size_t cap)
{
    const struct estab_alloc *from = &c->world->from;
    struct sim_flow *bigger = from->get(from->ctx, cap * sizeof *bigger, alignof(max_align_t));

    if (bigger == NULL)
        return false;
    memset(bigger, 0, cap * sizeof *bigger);
    for (size_t i = 0; i < c->cap_flows; i++)
        if (c->flows[i].used)
            *find_slot(bigger, cap, c->flows[i].host, &c->flows[i].local, &c->flows[i].remote) =
                c->flows[i];
    if (c->cap_flows != 0)
        from->put(from->ctx, c->flows, c->cap_flows * sizeof *c->flows);
    c->flows = bigger;
    c->cap_flows = cap;
    return true;
}

struct sim_flow *
sim_flow_of(struct sim_checks *c, uint32_t host, const struct estab_endpoint *local,
            const struct estab_endpoint *remote)
{
    struct sim_flow *f;

    if (2 * c->n_flows >= c->cap_flows && !grow_flows(c, 2 * c->cap_flows)) {
        sim_fail(c->world, "simulator", "no memory for flows", host, 0, c->n_flows, 0);
        return NULL;
    }
    f = find_slot(c->flows, c->cap_flows, host, local, remote);
    if (!f->used) {
        *f = (struct sim_flow){ .used = true, .host = host, .local = *local, .remote = *remote };
        c->n_flows++;
    }
    return f;
}

/* ---- records ---- */

static void
check_memory(const struct sim_view *v)
{
    struct sim_host_books *b = &v->c->books[v->host->number];

    b->bytes_held += v->r->bytes;
    if (b->bytes_held < 0 || (uint64_t)b->bytes_held != v->r->bytes_held)
        violated(v, SIM_RULE_MEMORY_TRACED, (uint64_t)b->bytes_held, v->r->bytes_held);
}

static void
on_trace(void *ctx, struct sim_host *host, const struct estab_trace *r)
{
    struct sim_view v = { .c = ctx, .host = host, .r = r };

    if (sim_failed(v.c->world) || host->number >= v.c->n_books)
        return;
    /* The calls that take no time (reserve) lend memory at the host's last instant. */
    if (r->at > sim_host_now(v.host) ||
        (r->at < sim_host_now(v.host) && r->kind != ESTAB_TRACE_MEMORY))
        violated(&v, SIM_RULE_RECORD_NOW, (uint64_t)r->at, (uint64_t)sim_host_now(v.host));
    if (r->kind == ESTAB_TRACE_MEMORY)
        check_memory(&v);
    if (r->kind == ESTAB_TRACE_PACKET_IN)
        sim_check_verdict(&v);
    if (r->kind == ESTAB_TRACE_PACKET_OUT)
        sim_check_record_out(&v);
    if (sim_failed(v.c->world) || r->remote.port == 0)
        return;
    v.f = sim_flow_of(v.c, host->number, &r->local, &r->remote);
    if (v.f == NULL)
        return;
    if (r->kind == ESTAB_TRACE_PACKET_IN)
        sim_check_packet_in(&v);
    else if (r->kind == ESTAB_TRACE_PACKET_OUT && r->proto == 6)
        sim_check_segment_out(&v);
    else if (r->kind == ESTAB_TRACE_STATE)
        sim_check_state(&v);
    else if (r->kind == ESTAB_TRACE_TIMER)
        sim_check_timer(&v);
}

/* ---- frames ---- */

static void
on_input(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frames,
         const bool *must_drop, size_t n)
{
    struct sim_checks *c = ctx;
    struct sim_host_books *b = &c->books[host->number];

    (void)ifindex;
    b->expects_input = true;
    b->frames = frames;
    b->must_drop = must_drop;
    b->n_frames = n;
    b->n_verdicts = 0;
}

static void
on_input_done(void *ctx, struct sim_host *host)
{
    struct sim_checks *c = ctx;
    struct sim_host_books *b = &c->books[host->number];

    b->expects_input = false;
    if (b->n_verdicts != b->n_frames)
        sim_violated(c->world, SIM_RULE_ONE_VERDICT, host->number, 0, b->n_verdicts, b->n_frames);
}

static void
check_packet_out(struct sim_checks *c, struct sim_host *host, unsigned ifindex,
                 const struct estab_frame *frame)
{
    const struct sim_interface *at = &host->interfaces[ifindex - 1];
    struct sim_packet p;
    const struct estab_addr *ours;

    sim_packet_read(&p, frame->data, frame->len);
    if (!p.is_ip || p.ip_len != frame->len || frame->len > at->mtu || p.ttl == 0 ||
        (!p.is_tcp && !p.is_icmp) ||
        (p.is_tcp && (p.src.port == 0 || p.dst.port == 0 || p.seg.len > frame->len)))
        sim_violated(c->world, SIM_RULE_PACKET_WHOLE, host->number, 0, frame->len, p.ip_len);
    else if (!p.sums_valid)
        sim_violated(c->world, SIM_RULE_CHECKSUM_RIGHT, host->number, 0, frame->len, p.is_tcp);
    ours = p.version == 4 ? &at->v4 : &at->v6;
    if (p.is_ip && !estab_addr_equal(&p.src.addr, ours))
        sim_violated(c->world, SIM_RULE_SOURCE_OURS, host->number, 0, ifindex, 0);
}

/* A question to all for `target`: not within a second of the last one (RFC 1122 §2.3.2.1, RFC 4861
 * §7.2.2). */
static void
check_question(struct sim_checks *c, struct sim_host *host, unsigned ifindex,
               const struct estab_addr *target)
{
    struct sim_host_books *b = &c->books[host->number];
    unsigned i = 0;

    while (i < b->n_asked &&
           (b->asked[i].ifindex != ifindex || !estab_addr_equal(&b->asked[i].target, target)))
        i++;
    if (i == SIM_QUESTIONS)
        return;
    if (i < b->n_asked && sim_host_now(host) - b->asked[i].at < ESTAB_SEC(1))
        sim_violated(c->world, SIM_RULE_ASKS_SELDOM, host->number, 0, ifindex,
                     (uint64_t)(sim_host_now(host) - b->asked[i].at));
    b->n_asked += i == b->n_asked;
    b->asked[i] = (struct sim_question){ *target, ifindex, sim_host_now(host) };
}

/* The group that carries an IP group (RFC 1112 §6.4, RFC 2464 §7). */
static bool
is_group_of(const uint8_t *mac, const struct estab_addr *group)
{
    const uint8_t *a = group->bytes;

    if (group->family == ESTAB_INET)
        return mac[0] == 1 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == (a[1] & 0x7f) &&
               mac[4] == a[2] && mac[5] == a[3];
    return mac[0] == 0x33 && mac[1] == 0x33 && memcmp(mac + 2, a + 12, 4) == 0;
}

static void
check_arp_out(struct sim_checks *c, struct sim_host *host, unsigned ifindex,
              const struct estab_frame *frame)
{
    static const uint8_t all[6] = { 255, 255, 255, 255, 255, 255 };
    const struct sim_interface *at = &host->interfaces[ifindex - 1], *to;
    const uint8_t *arp = frame->data + 14;
    struct estab_addr spa = estab_addr_v4(arp[14], arp[15], arp[16], arp[17]);
    struct estab_addr tpa = estab_addr_v4(arp[24], arp[25], arp[26], arp[27]);

    if (frame->len != 60 || memcmp(arp, (uint8_t[7]){ 0, 1, 8, 0, 6, 4, 0 }, 7) != 0 ||
        (arp[7] != 1 && arp[7] != 2) || memcmp(arp + 8, at->mac, 6) != 0)
        sim_violated(c->world, SIM_RULE_PACKET_WHOLE, host->number, 0, frame->len, arp[7]);
    if (!estab_addr_equal(&spa, &at->v4))
        sim_violated(c->world, SIM_RULE_SOURCE_OURS, host->number, 0, ifindex, arp[7]);
    to = sim_world_owner(c->world, host, ifindex, &tpa);
    if (memcmp(frame->data, all, 6) == 0) {
        if (arp[7] == 1 && !estab_addr_equal(&spa, &tpa))
            check_question(c, host, ifindex, &tpa);
    } else if (to == NULL || memcmp(frame->data, to->mac, 6) != 0) {
        sim_violated(c->world, SIM_RULE_RIGHT_MAC, host->number, 0, ifindex, arp[7]);
    }
}

/* Reports of groups have an option in front, and may be nobody's; all else has our own addresses. */
static bool
is_group_report(const uint8_t *ip)
{
    return ip[0] >> 4 == 4 ? ip[9] == 2 && ip[16] >> 4 == 14 : ip[6] == 0 && ip[24] == 0xff;
}

static void
check_frame_out(struct sim_checks *c, struct sim_host *host, unsigned ifindex,
                const struct estab_frame *frame)
{
    const struct sim_interface *at = &host->interfaces[ifindex - 1], *to;
    struct estab_frame ip = { .data = frame->data + 14, .len = 0 };
    unsigned type = (unsigned)frame->data[12] << 8 | frame->data[13];
    struct estab_addr dst = { .family = type == 0x0800 ? ESTAB_INET : ESTAB_INET6 };
    bool to_group;

    if (frame->len < 60 || memcmp(frame->data + 6, at->mac, 6) != 0 ||
        (type != 0x0800 && type != 0x0806 && type != 0x86dd)) {
        sim_violated(c->world, SIM_RULE_RIGHT_MAC, host->number, 0, frame->len, type);
        return;
    }
    if (type == 0x0806) {
        check_arp_out(c, host, ifindex, frame);
        return;
    }
    ip.len = type == 0x0800 ? (uint32_t)ip.data[2] << 8 | ip.data[3]
                            : 40 + ((uint32_t)ip.data[4] << 8 | ip.data[5]);
    for (uint32_t i = 14 + ip.len; i < frame->len; i++) /* what it is padded with tells nothing */
        if (frame->data[i] != 0)
            sim_violated(c->world, SIM_RULE_PACKET_WHOLE, host->number, 0, frame->len, ip.len);
    if (ip.len > frame->len - 14) {
        sim_violated(c->world, SIM_RULE_PACKET_WHOLE, host->number, 0, frame->len, ip.len);
        return;
    }
    memcpy(dst.bytes, ip.data + (type == 0x0800 ? 16 : 24), type == 0x0800 ? 4 : 16);
    to_group = type == 0x0800 ? dst.bytes[0] >> 4 == 14 : dst.bytes[0] == 0xff;
    to = to_group ? NULL : sim_world_owner(c->world, host, ifindex, &dst);
    if (to_group ? !is_group_of(frame->data, &dst)
                 : to == NULL || memcmp(frame->data, to->mac, 6) != 0)
        sim_violated(c->world, SIM_RULE_RIGHT_MAC, host->number, 0, ifindex, type);
    /* RFC 4861 §7.2.2: a solicitation for all that might have it */
    if (to_group && type == 0x86dd && ip.data[6] == 58 && ip.data[40] == 135) {
        memcpy(dst.bytes, ip.data + 48, 16);
        check_question(c, host, ifindex, &dst);
    }
    if (!to_group || !is_group_report(ip.data))
        check_packet_out(c, host, ifindex, &ip);
}

static void
on_output(void *ctx, struct sim_host *host, unsigned ifindex, const struct estab_frame *frame)
{
    if (host->interfaces[ifindex - 1].ethernet)
        check_frame_out(ctx, host, ifindex, frame);
    else
        check_packet_out(ctx, host, ifindex, frame);
}

static void
on_event(void *ctx, struct sim_host *host, const struct estab_event *event)
{
    struct sim_checks *c = ctx;
    struct estab_status st;

    if (event->bits == 0 || event->bits >= ESTAB_URGENT << 1 || event->conn == 0)
        sim_violated(c->world, SIM_RULE_EVENT_SANE, host->number, event->conn, event->bits, 0);
    else if (estab_status(host->stack, event->conn, &st) != 0)
        sim_violated(c->world, SIM_RULE_EVENT_SANE, host->number, event->conn, event->bits, 1);
}

static void
after(void *ctx, struct sim_host *host)
{
    struct sim_checks *c = ctx;

    if (host->number >= c->n_books)
        return;
    c->evaluated++;
    sim_check_host(c, host);
}

/* Whatever was known of the host is void. */
static void
on_reboot(void *ctx, struct sim_host *host)
{
    struct sim_checks *c = ctx;

    if (host->number >= c->n_books)
        return;
    c->books[host->number] = (struct sim_host_books){ .bytes_held = 0 };
    for (size_t i = 0; i < c->cap_flows; i++) {
        struct sim_flow *f = &c->flows[i];

        if (f->used && f->host == host->number)
            *f = (struct sim_flow){
                .used = true, .host = f->host, .local = f->local, .remote = f->remote
            };
    }
}

void
sim_checks_end(struct sim_checks *c)
{
    struct sim_world *w = c->world;

    for (size_t i = 0; i < w->n_hosts && !sim_failed(w); i++) {
        const struct sim_host *host = w->hosts[i];
        struct estab_stack_status s;

        estab_stack_status(host->stack, &s);
        if (s.listeners + s.connections + s.half_open + s.time_wait + s.orphans != 0 ||
            s.timers != 0 || s.ports != 0 || s.record_bytes != 0 || s.ring_bytes != 0 ||
            estab_stack_deadline(host->stack) != ESTAB_NEVER)
            sim_violated(w, SIM_RULE_EMPTY_AT_END, host->number, 0,
                         (uint64_t)s.connections << 32 | (s.half_open + s.time_wait),
                         s.record_bytes + s.ring_bytes);
    }
}

bool
sim_checks_init(struct sim_checks *c, struct sim_world *w, const struct sim_apps *apps)
{
    static const char good[] = "ACCEPTED";
    const struct estab_alloc *from = &w->from;

    memset(c, 0, sizeof *c);
    c->world = w;
    c->apps = apps;
    c->n_books = w->n_hosts;
    c->books = from->get(from->ctx, (c->n_books + 1) * sizeof *c->books, alignof(max_align_t));
    if (c->books == NULL || !grow_flows(c, 64))
        return false;
    memset(c->books, 0, c->n_books * sizeof *c->books);
    for (unsigned i = 0; i < ESTAB_VERDICT_COUNT; i++)
        c->accepted[i] = strncmp(estab_verdict_name(i), good, sizeof good - 1) == 0;
    for (size_t i = 0; i < c->n_books; i++) {
        struct estab_stack_status s;

        /* Listeners may have been made before we looked on. */
        estab_stack_status(w->hosts[i]->stack, &s);
        c->books[i].bytes_held = (int64_t)(s.record_bytes + s.ring_bytes);
    }
    w->observer = (struct sim_observer){ .ctx = c,
                                         .trace = on_trace,
                                         .input = on_input,
                                         .input_done = on_input_done,
                                         .output = on_output,
                                         .event = on_event,
                                         .after = after,
                                         .reboot = on_reboot };
    return true;
}

void
sim_checks_fini(struct sim_checks *c)
{
    const struct estab_alloc *from = &c->world->from;

    if (c->books != NULL)
        from->put(from->ctx, c->books, (c->n_books + 1) * sizeof *c->books);
    if (c->cap_flows != 0)
        from->put(from->ctx, c->flows, c->cap_flows * sizeof *c->flows);
    if (c->cap_handles != 0)
        from->put(from->ctx, c->handles, c->cap_handles * sizeof *c->handles);
    c->world->observer = (struct sim_observer){ 0 };
}
