/* SPDX-License-Identifier: MIT */
/* See link.h. */
#include "sim/link.h"

#include "sim/packet.h"

void
sim_link_init(struct sim_link *l, const struct sim_link_config *cfg, uint64_t seed)
{
    *l = (struct sim_link){ .cfg = *cfg };
    sim_prng_seed(&l->dice, seed);
}

static bool
is_spent(const struct sim_hold *h)
{
    return !h->every && h->seen > h->nth && h->repeated >= h->repeats;
}

bool
sim_link_hold(struct sim_link *l, const struct sim_hold *hold)
{
    unsigned i = 0;

    while (i < l->cfg.n_holds && !is_spent(&l->cfg.holds[i]))
        i++;
    if (i == SIM_HOLDS_MAX)
        return false;
    if (i == l->cfg.n_holds)
        l->cfg.n_holds++;
    l->cfg.holds[i] = *hold;
    return true;
}

void
sim_link_cut(struct sim_link *l, estab_time now)
{
    l->cfg.down_at = now;
    l->cfg.up_at = l->cfg.heal_at = ESTAB_NEVER;
}

void
sim_link_mend(struct sim_link *l, estab_time now)
{
    l->cfg.n_holds = 0;
    l->cfg.heal_at = now;
}

/*
 * Turns one to sixteen bits inside one aligned word of 16 bits. The Internet checksum sees every
 * such change, because the word's value then differs by less than 2^16 - 1 and not by 0: a packet
 * that arrives corrupt must be dropped. Spared are the fields that decide which octets are summed
 * (version, IHL, IPv6 payload length and next header), where a sum may come out right by accident.
 */
static void
corrupt(struct sim_link *l, struct sim_copy *copy, const uint8_t *packet, uint32_t len)
{
    uint32_t words = len / 2;
    uint16_t word, flip;

    if (words < 20)
        return;
    copy->flip_at = 2 * (uint32_t)sim_prng_below(&l->dice, words);
    flip = (uint16_t)(1u << sim_prng_below(&l->dice, 16));
    if (sim_prng_chance(&l->dice, SIM_PPM / 4))
        flip = (uint16_t)(1 + sim_prng_below(&l->dice, 0xffff));
    copy->must_drop = true;
    if (packet[0] >> 4 == 4) {
        if (copy->flip_at == 0)
            flip &= 0x00ff; /* type of service */
    } else {
        if (copy->flip_at == 4)
            copy->flip_at = 8;
        if (copy->flip_at == 0)
            flip &= 0x0fff; /* traffic class, flow label */
        if (copy->flip_at == 6)
            flip &= 0x00ff;                   /* hop limit */
        copy->must_drop = copy->flip_at >= 8; /* the others are in no checksum */
    }
    word = (uint16_t)((unsigned)packet[copy->flip_at] << 8 | packet[copy->flip_at + 1]);
    if (flip == 0 || (flip == 0xffff && (word == 0 || word == 0xffff)))
        flip = 1; /* 0 and 0xffff are the same number in ones' complement */
    copy->flip = flip;
    copy->corrupt = true;
}

/* RFC 3168 §5: the two bits after the DSCP; 01 and 10 are ECT. */
static bool
is_ect(const uint8_t *packet)
{
    unsigned ecn = packet[0] >> 4 == 4 ? packet[1] & 3u : packet[1] >> 4 & 3u;

    return ecn == 1 || ecn == 2;
}

static void
mark(uint8_t *packet)
{
    uint32_t sum = 0;

    if (packet[0] >> 4 != 4) {
        packet[1] |= 0x30;
        return;
    }
    packet[1] |= 3;
    packet[10] = 0;
    packet[11] = 0;
    for (unsigned i = 0; i < 20; i += 2)
        sum += (uint32_t)packet[i] << 8 | packet[i + 1];
    sum = (sum & 0xffff) + (sum >> 16);
    sum = ~((sum & 0xffff) + (sum >> 16));
    packet[10] = (uint8_t)(sum >> 8);
    packet[11] = (uint8_t)sum;
}

/* Does this packet repeat what the hold has dropped? Then it is dropped too, so often as asked. */
static bool
is_repeated(struct sim_hold *h, uint32_t seq)
{
    if (h->action != SIM_HOLD_DROP || h->every || h->seen <= h->nth || h->repeated >= h->repeats ||
        seq != h->seq)
        return false;
    h->repeated++;
    return true;
}

/* The hold that keeps this very packet, or NULL. Every match is counted by every hold. */
static const struct sim_hold *
find_hold(struct sim_link *l, unsigned direction, const uint8_t *packet, uint32_t len,
          estab_time now)
{
    const struct sim_hold *found = NULL;
    struct sim_packet p;

    if (l->cfg.n_holds == 0)
        return NULL;
    sim_packet_read(&p, packet, len);
    for (unsigned i = 0; i < l->cfg.n_holds; i++) {
        struct sim_hold *h = &l->cfg.holds[i];

        if (!p.is_tcp || h->direction != direction || (p.seg.ctl & h->ctl_mask) != h->ctl ||
            (h->with_text && p.seg.len == 0) || (h->without_text && p.seg.len != 0))
            continue;
        if (is_repeated(h, p.seg.seq)) {
            found = found == NULL ? h : found;
        } else if ((h->every ? h->seen >= h->nth : h->seen == h->nth) && found == NULL) {
            found = h;
            h->seq = p.seg.seq;
            h->hit_at = now;
        }
        h->seen++;
    }
    return found;
}

/* When what `h` has kept back arrives, had it arrived at `arrives` otherwise. */
static estab_time
release(const struct sim_hold *h, estab_time arrives)
{
    if (h->release_at == 0)
        return arrives + h->release_after;
    return h->release_at > arrives ? h->release_at : arrives;
}

/* The whole part of the square root. */
static uint64_t
square_root(uint64_t x)
{
    uint64_t root = 0, bit = (uint64_t)1 << 62;

    while (bit > x)
        bit >>= 2;
    for (; bit != 0; bit >>= 2) {
        if (x >= root + bit) {
            x -= root + bit;
            root = (root >> 1) + bit;
        } else {
            root >>= 1;
        }
    }
    return root;
}

estab_time
sim_codel_control_law(estab_time t, estab_time interval, uint32_t count)
{
    /* sqrt(count) with 16 bits behind the point */
    uint64_t root = square_root((uint64_t)count << 32);

    return t + (estab_time)(((uint64_t)interval << 16) / root);
}

/*
 * RFC 8289 §5.4, §5.5: a packet leaves the queue at `now` after it has waited; is it dropped? The
 * queue is first in, first out, so how long a packet waits is known when it comes, and the packets
 * can be asked in their order then and there: after a drop the next one leaves at the same instant.
 * Differs from RFC 8289 §5.5: whether less than one MTU is left behind cannot be known yet. In its
 * place stands that it waited no longer than `one`, what a full packet takes.
 */
static bool
codel_drops(struct sim_codel *c, const struct sim_codel_config *cfg, estab_time waited,
            estab_time one, estab_time now)
{
    bool ok_to_drop = false;

    if (waited < cfg->target || waited <= one) {
        c->first_above_time = 0;
    } else if (c->first_above_time == 0) {
        c->first_above_time = now + cfg->interval;
    } else {
        ok_to_drop = now >= c->first_above_time;
    }
    if (c->dropping) {
        if (!ok_to_drop) {
            c->dropping = false;
            return false;
        }
        if (now < c->drop_next)
            return false;
        c->count++;
        c->drop_next = sim_codel_control_law(c->drop_next, cfg->interval, c->count);
        return true;
    }
    if (!ok_to_drop)
        return false;
    /* Soon after the last row of drops the rate that it took is tried again (RFC 8289 §5.4). */
    c->dropping = true;
    c->count = c->count - c->lastcount > 1 && now - c->drop_next < 16 * cfg->interval
                   ? c->count - c->lastcount
                   : 1;
    c->drop_next = sim_codel_control_law(now, cfg->interval, c->count);
    c->lastcount = c->count;
    return true;
}

#define FULL_PACKET 1500u

/* How long so many octets take on the wire of the link. */
static estab_time
time_of(const struct sim_link *l, uint32_t len)
{
    return (estab_time)((uint64_t)len * 8 * 1000000000u / l->cfg.bits_per_second);
}

/* When the last bit of the packet has left; ESTAB_NEVER: the queue did not take it, or CoDel has
 * taken it out. What CoDel will take out is not counted with what waits. */
static estab_time
transmit(struct sim_link *l, unsigned direction, uint32_t len, estab_time now)
{
    estab_time start = now;
    uint64_t waiting;

    if (l->cfg.bits_per_second == 0)
        return now;
    if (l->busy_until[direction] > start)
        start = l->busy_until[direction];
    waiting = (uint64_t)(start - now) / 1000 * (l->cfg.bits_per_second / 1000) / 8000;
    if ((l->cfg.queue_max > 0 || l->cfg.queue_bytes == 0) && start - now > l->cfg.queue_max) {
        l->counts[direction].queue_full++;
        return ESTAB_NEVER;
    }
    if (l->cfg.queue_bytes != 0 && waiting + len > l->cfg.queue_bytes && start > now) {
        l->counts[direction].queue_full++;
        return ESTAB_NEVER;
    }
    if (l->cfg.codel.interval > 0 && codel_drops(&l->codel[direction], &l->cfg.codel, start - now,
                                                 time_of(l, FULL_PACKET), start)) {
        l->counts[direction].codel_dropped++;
        return ESTAB_NEVER;
    }
    l->busy_until[direction] = start + time_of(l, len);
    return l->busy_until[direction];
}

/* How long the way takes a packet that begins it at `now`. */
static estab_time
travel(const struct sim_link *l, estab_time now)
{
    return l->cfg.route_delay > 0 && now >= l->cfg.route_at ? l->cfg.route_delay : l->cfg.delay;
}

/* The delay varies, but nobody overtakes. */
static estab_time
shake(struct sim_link *l, unsigned direction, estab_time arrives)
{
    if (l->cfg.jitter == 0)
        return arrives;
    arrives += (estab_time)sim_prng_between(&l->dice, 0, (uint64_t)l->cfg.jitter);
    if (arrives < l->last_arrival[direction])
        arrives = l->last_arrival[direction];
    l->last_arrival[direction] = arrives;
    return arrives;
}

/* The state changes first, then it decides. */
static bool
bursts_lose(struct sim_link *l, unsigned direction)
{
    const struct sim_bursts *b = &l->cfg.bursts;
    bool *bad = &l->in_burst[direction];

    if (sim_prng_chance(&l->dice, *bad ? b->to_good_ppm : b->to_bad_ppm))
        *bad = !*bad;
    return sim_prng_chance(&l->dice, *bad ? b->bad_loss_ppm : b->good_loss_ppm);
}

static bool
is_only_ack(const uint8_t *packet, uint32_t len)
{
    struct sim_packet p;

    sim_packet_read(&p, packet, len);
    return p.is_tcp && p.seg.len == 0 &&
           (p.seg.ctl & (ESTAB_CTL_ACK | ESTAB_CTL_SYN | ESTAB_CTL_FIN | ESTAB_CTL_RST)) ==
               ESTAB_CTL_ACK;
}

/* An interface that interrupts seldom: what arrives in between arrives together. */
static unsigned
coalesce(const struct sim_link *l, unsigned direction, struct sim_copy *copies, unsigned n)
{
    estab_time step = l->cfg.coalesce;

    if (l->cfg.coalesce_only != 0 && l->cfg.coalesce_only != 1 + direction)
        return n;
    for (unsigned i = 0; i < n && step > 0; i++)
        copies[i].at = (copies[i].at + step - 1) / step * step;
    return n;
}

unsigned
sim_link_carry_through(struct sim_link *l, struct sim_link *queue, unsigned direction,
                       const uint8_t *packet, uint32_t len, estab_time now,
                       struct sim_copy copies[SIM_COPIES_MAX], enum sim_notice *notice)
{
    static const struct sim_faults none = { .loss_ppm = 0 };
    const struct sim_faults *f =
        l->cfg.faults.only == 0 || l->cfg.faults.only == 1 + direction ? &l->cfg.faults : &none;
    struct sim_link_counts *counts = &l->counts[direction];
    bool faulty = now < l->cfg.heal_at;
    const struct sim_hold *hold;
    estab_time arrives;
    unsigned n = 1;

    *notice = SIM_NOTICE_NONE;
    l->held = false;
    counts->packets++;
    counts->bytes += len;
    if (l->cfg.path_mtu != 0 && len > l->cfg.path_mtu) {
        counts->too_big++;
        *notice = SIM_NOTICE_TOO_BIG;
        return 0;
    }
    arrives = transmit(queue, direction, len, now);
    if (arrives == ESTAB_NEVER)
        return 0;
    arrives = shake(l, direction, arrives + travel(l, arrives));
    copies[0] = (struct sim_copy){ .at = arrives };
    hold = find_hold(l, direction, packet, len, now);
    l->held = hold != NULL && hold->action == SIM_HOLD_DELAY;
    if (hold != NULL) {
        counts->held++;
        if (hold->action == SIM_HOLD_DROP)
            return 0;
        if (hold->action == SIM_HOLD_DELAY) {
            copies[0].at = release(hold, arrives);
        } else if (hold->action == SIM_HOLD_ALTER) {
            counts->corrupted++;
            corrupt(l, &copies[0], packet, len);
        } else {
            copies[n++] = (struct sim_copy){ .at = release(hold, arrives) };
        }
    }
    if (!faulty)
        return coalesce(l, direction, copies, n);
    if (now >= l->cfg.down_at && now < l->cfg.up_at) {
        counts->lost++;
        return 0;
    }
    if (f->shut_every > 0 && now % f->shut_every >= f->shut_every - f->shut_for) {
        counts->lost++;
        return 0;
    }
    if (sim_prng_chance(&l->dice, f->unreachable_ppm)) {
        counts->lost++;
        *notice = SIM_NOTICE_UNREACHABLE;
        return 0;
    }
    if (sim_prng_chance(&l->dice, f->forge_ppm))
        *notice = SIM_NOTICE_FORGE;
    if (sim_prng_chance(&l->dice, f->loss_ppm) || bursts_lose(l, direction) ||
        (f->ack_loss_ppm > 0 && is_only_ack(packet, len) &&
         sim_prng_chance(&l->dice, f->ack_loss_ppm))) {
        counts->lost++;
        return 0;
    }
    if (sim_prng_chance(&l->dice, f->duplicate_ppm)) {
        counts->duplicated++;
        copies[n++] = (struct sim_copy){ .at = arrives };
    }
    for (unsigned i = 0; i < n; i++) {
        if (f->reorder_extra > 0 && sim_prng_chance(&l->dice, f->reorder_ppm)) {
            counts->reordered++;
            copies[i].at += (estab_time)sim_prng_between(&l->dice, 1, (uint64_t)f->reorder_extra);
        }
        if (is_ect(packet) && sim_prng_chance(&l->dice, f->mark_ppm)) {
            counts->marked++;
            copies[i].marked = true;
        }
        if (sim_prng_chance(&l->dice, f->corrupt_ppm)) {
            counts->corrupted++;
            corrupt(l, &copies[i], packet, len);
        }
    }
    return coalesce(l, direction, copies, n);
}

unsigned
sim_link_carry(struct sim_link *l, unsigned direction, const uint8_t *packet, uint32_t len,
               estab_time now, struct sim_copy copies[SIM_COPIES_MAX], enum sim_notice *notice)
{
    return sim_link_carry_through(l, l, direction, packet, len, now, copies, notice);
}

enum sim_fate
sim_link_fate(const struct sim_link *l, const struct sim_copy *copies, unsigned n)
{
    if (n == 0)
        return SIM_FATE_LOST;
    if (copies[0].corrupt)
        return SIM_FATE_CORRUPTED;
    if (n > 1)
        return SIM_FATE_DUPLICATED;
    return l->held ? SIM_FATE_HELD : SIM_FATE_ARRIVES;
}

void
sim_copy_flip(const struct sim_copy *copy, uint8_t *packet)
{
    if (copy->marked)
        mark(packet);
    if (!copy->corrupt)
        return;
    packet[copy->flip_at] ^= (uint8_t)(copy->flip >> 8);
    packet[copy->flip_at + 1] ^= (uint8_t)copy->flip;
}
