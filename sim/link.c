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
    return !h->every && h->seen > h->nth;
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

/* The hold that keeps this very packet, or NULL. Every match is counted by every hold. */
static const struct sim_hold *
find_hold(struct sim_link *l, unsigned direction, const uint8_t *packet, uint32_t len)
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
        if ((h->every ? h->seen >= h->nth : h->seen == h->nth) && found == NULL)
            found = h;
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

/* When the last bit of the packet arrives if nothing goes wrong; ESTAB_NEVER: the queue is full. */
static estab_time
transmit(struct sim_link *l, unsigned direction, uint32_t len, estab_time now)
{
    estab_time start = now;

    if (l->cfg.bits_per_second == 0)
        return now + l->cfg.delay;
    if (l->busy_until[direction] > start)
        start = l->busy_until[direction];
    if (start - now > l->cfg.queue_max)
        return ESTAB_NEVER;
    l->busy_until[direction] =
        start + (estab_time)((uint64_t)len * 8 * 1000000000u / l->cfg.bits_per_second);
    return l->busy_until[direction] + l->cfg.delay;
}

/* An interface that interrupts seldom: what arrives in between arrives together. */
static unsigned
coalesce(const struct sim_link *l, struct sim_copy *copies, unsigned n)
{
    estab_time step = l->cfg.coalesce;

    for (unsigned i = 0; i < n && step > 0; i++)
        copies[i].at = (copies[i].at + step - 1) / step * step;
    return n;
}

unsigned
sim_link_carry(struct sim_link *l, unsigned direction, const uint8_t *packet, uint32_t len,
               estab_time now, struct sim_copy copies[SIM_COPIES_MAX], enum sim_notice *notice)
{
    const struct sim_faults *f = &l->cfg.faults;
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
    arrives = transmit(l, direction, len, now);
    if (arrives == ESTAB_NEVER) {
        counts->queue_full++;
        return 0;
    }
    copies[0] = (struct sim_copy){ .at = arrives };
    hold = find_hold(l, direction, packet, len);
    l->held = hold != NULL && hold->action == SIM_HOLD_DELAY;
    if (hold != NULL) {
        counts->held++;
        if (hold->action == SIM_HOLD_DROP)
            return 0;
        if (hold->action == SIM_HOLD_DELAY)
            copies[0].at = release(hold, arrives);
        else
            copies[n++] = (struct sim_copy){ .at = release(hold, arrives) };
    }
    if (!faulty)
        return coalesce(l, copies, n);
    if (now >= l->cfg.down_at && now < l->cfg.up_at) {
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
    if (sim_prng_chance(&l->dice, f->loss_ppm)) {
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
    return coalesce(l, copies, n);
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
