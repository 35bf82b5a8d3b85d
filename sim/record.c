/* SPDX-License-Identifier: MIT */
/* See record.h. */
#include "sim/record.h"

#include "sim/prng.h"

#include <string.h>

static uint8_t *
put8(uint8_t *p, unsigned v)
{
    *p = (uint8_t)v;
    return p + 1;
}

static uint8_t *
put16(uint8_t *p, unsigned v)
{
    return put8(put8(p, v >> 8), v);
}

static uint8_t *
put32(uint8_t *p, uint32_t v)
{
    return put16(put16(p, v >> 16), v);
}

static uint8_t *
put64(uint8_t *p, uint64_t v)
{
    return put32(put32(p, (uint32_t)(v >> 32)), (uint32_t)v);
}

static uint8_t *
put_endpoint(uint8_t *p, const struct estab_endpoint *e)
{
    p = put8(p, e->addr.family);
    p = put32(p, e->addr.zone);
    memcpy(p, e->addr.bytes, sizeof e->addr.bytes);
    return put16(p + sizeof e->addr.bytes, e->port);
}

static uint8_t *
put_segment(uint8_t *p, const struct estab_trace_segment *s)
{
    p = put32(p, s->seq);
    p = put32(p, s->ack);
    p = put32(p, s->wnd);
    p = put32(p, s->len);
    p = put16(p, s->up);
    p = put8(p, (uint8_t)s->ctl);
    p = put8(p, s->ae);
    p = put8(p, (unsigned)s->has_fast_open << 4 | (unsigned)s->has_mss << 3 |
                    (unsigned)s->has_wscale << 2 | (unsigned)s->sack_permitted << 1 |
                    (unsigned)s->has_ts);
    p = put8(p, s->wscale);
    p = put8(p, s->sack_blocks);
    p = put16(p, s->mss);
    p = put32(p, s->ts_val);
    p = put32(p, s->ts_ecr);
    for (unsigned i = 0; i < s->sack_blocks && i < 4; i++)
        p = put32(put32(p, s->sack[i][0]), s->sack[i][1]);
    return p;
}

static uint8_t *
put_tcb(uint8_t *p, const struct estab_trace_tcb *t)
{
    p = put32(p, t->iss);
    p = put32(p, t->irs);
    p = put32(p, t->snd_una);
    p = put32(p, t->snd_nxt);
    p = put32(p, t->snd_wnd);
    p = put32(p, t->rcv_nxt);
    p = put32(p, t->rcv_wnd);
    p = put32(p, t->cwnd);
    p = put32(p, t->ssthresh);
    p = put32(p, t->flight);
    p = put32(p, t->srtt_us);
    p = put32(p, t->rttvar_us);
    p = put32(p, t->rto_us);
    p = put32(p, t->send_queued);
    p = put32(p, t->receive_queued);
    p = put32(p, t->send_ring);
    p = put32(p, t->receive_ring);
    p = put8(p, t->retransmissions);
    p = put8(p, t->timer);
    return put64(p, (uint64_t)t->timer_at);
}

size_t
sim_record_encode(uint8_t *out, const struct estab_trace *r)
{
    bool is_ring = r->memory == ESTAB_MEM_SEND_RING || r->memory == ESTAB_MEM_RECEIVE_RING;
    uint8_t *p = out;

    p = put64(p, (uint64_t)r->at);
    p = put32(p, r->host);
    p = put8(p, r->kind);
    p = put8(p, r->proto);
    p = put8(p, r->state_before);
    p = put8(p, r->state_after);
    p = put16(p, r->verdict);
    p = put16(p, r->reason);
    p = put16(p, r->cause);
    p = put8(p, r->timer);
    p = put8(p, r->memory);
    p = put8(p, r->call);
    p = put8(p, r->recovery);
    p = put8(p, r->ifindex);
    p = put64(p, is_ring ? (uint64_t)r->bytes : r->bytes > 0);
    p = put64(p, (uint64_t)r->result);
    p = put64(p, r->conn);
    p = put_endpoint(p, &r->local);
    p = put_endpoint(p, &r->remote);
    p = put_segment(p, &r->seg);
    p = put_tcb(p, &r->tcb);
    p = put32(p, r->packet_len);
    return (size_t)(p - out);
}

/* Eight octets a time, read big-endian; the last word is padded with zeroes, its length counts. */
uint64_t
sim_hash(uint64_t hash, const uint8_t *data, size_t len)
{
    size_t left = len;

    for (; left >= 8; data += 8, left -= 8) {
        uint64_t word = (uint64_t)data[0] << 56 | (uint64_t)data[1] << 48 |
                        (uint64_t)data[2] << 40 | (uint64_t)data[3] << 32 |
                        (uint64_t)data[4] << 24 | (uint64_t)data[5] << 16 | (uint64_t)data[6] << 8 |
                        data[7];

        hash = (hash ^ word) * 0x9fb21c651e98df25U;
        hash ^= hash >> 29;
    }
    for (uint64_t word = 0; left > 0;) {
        word = word << 8 | *data++;
        if (--left == 0)
            hash = (hash ^ word) * 0x9fb21c651e98df25U;
    }
    return sim_mix(hash, len);
}

uint64_t
sim_record_hash(uint64_t hash, const struct estab_trace *r)
{
    uint8_t octets[SIM_RECORD_MAX];

    hash = sim_hash(hash, octets, sim_record_encode(octets, r));
    if (r->frame != NULL)
        return sim_hash(hash, r->frame, r->frame_len);
    if (r->packet != NULL)
        hash = sim_hash(hash, r->packet, r->packet_len);
    return hash;
}
