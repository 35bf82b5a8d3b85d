/* SPDX-License-Identifier: MIT */
/*
 * Reassembly; see reassembly.h. Each fragment lies in a piece of memory of its own, in a list by
 * offset, so that a small fragment with a large offset costs no more than itself, and a datagram no
 * more than has come of it; it is put together once, when nothing is missing. Finding a place among max_fragments is all that a fragment
 * costs (FragmentSmack, CVE-2018-5391). Called from stack/input.c and stack/stack.c.
 */
#include "ip/reassembly.h"

#include "base/assert.h"
#include "base/bits.h"
#include "base/bytes.h"
#include "ip/route.h"
#include "wire/checksum.h"

#include <string.h>

#define UNKNOWN UINT32_MAX

/* The beginning of the memory of a fragment. */
struct piece {
    struct piece *before, *after; /* in the datagram */
    uint32_t size;                /* of the memory */
    uint32_t offset, len;         /* of its data in the datagram's payload */
    uint32_t skip;                /* octets in front of it: the first fragment keeps its headers */
};

#define PIECE_HEAD 32u /* where its octets begin, with pointers of any size */

_Static_assert(sizeof(struct piece) <= PIECE_HEAD, "the octets stand behind it");

static uint8_t *
octets_of(struct piece *p)
{
    return (uint8_t *)p + PIECE_HEAD;
}

struct datagram {
    uint8_t src[16], dst[16];
    uint32_t id;
    uint8_t addr_len, proto; /* proto: of IPv4; 0 with IPv6 */
    uint8_t ifindex;
    uint8_t zone; /* the interface, where one of the addresses is of a link; else 0 */
    uint8_t ecn;  /* a bit for each of the four codepoints seen */
    uint8_t dead; /* enum estab_verdict: why; fragments that still come share its fate */
    uint8_t next_header;
    uint16_t header_len, next_at; /* of the first fragment */
    uint32_t total;               /* octets of payload; UNKNOWN until the last fragment */
    uint32_t have;
    uint32_t pieces;
    uint32_t chained;      /* the next of the same hash */
    uint32_t older, newer; /* in the order in which they end; 0: none */
    estab_time began_at, ends_at;
    struct piece *first, *last; /* of `pieces`, by offset */
};

void
estab_reassembly_init(struct reassembly *r, struct arena *arena, struct chunks *chunks,
                      struct siphash_key key, const struct estab_config *cfg)
{
    memset(r, 0, sizeof(*r));
    r->cfg = cfg;
    r->chunks = chunks;
    r->key = key;
    estab_pool_init(&r->datagrams, arena, sizeof(struct datagram), cfg->max_reassemblies);
}

static struct datagram *
at(const struct reassembly *r, uint32_t index)
{
    return estab_pool_at(&r->datagrams, index);
}

static unsigned
family(const struct datagram *d)
{
    return d->addr_len == 16;
}

static uint32_t
hash_source(const struct reassembly *r, const uint8_t *src, unsigned addr_len)
{
    return (uint32_t)estab_siphash13(&r->key, src, addr_len) % REASSEMBLY_BUCKETS;
}

/* RFC 791 §3.2: source, destination, protocol and identification tell which fragments belong
 * together; RFC 8200 §4.5: without the protocol. */
static uint32_t
hash_datagram(const struct reassembly *r, const struct datagram *d)
{
    uint8_t key[37];

    memcpy(key, d->src, 16);
    memcpy(key + 16, d->dst, 16);
    put_be32(key + 32, d->id);
    key[36] = d->proto;
    return (uint32_t)estab_siphash13(&r->key, key, sizeof(key)) % REASSEMBLY_BUCKETS;
}

static bool
is_same(const struct datagram *a, const struct datagram *b)
{
    return a->id == b->id && a->proto == b->proto && a->addr_len == b->addr_len &&
           a->zone == b->zone && memcmp(a->src, b->src, 16) == 0 && memcmp(a->dst, b->dst, 16) == 0;
}

/* ---- memory ---- */

static void
drop_pieces(struct reassembly *r, struct datagram *d)
{
    struct piece *p, *after;

    for (p = d->first; p != NULL; p = after) {
        after = p->after;
        r->bytes -= p->size;
        estab_chunks_put(r->chunks, p, p->size);
    }
    d->first = d->last = NULL;
    d->pieces = 0;
}

static void
end(struct reassembly *r, uint32_t index)
{
    struct datagram *d = at(r, index);
    uint32_t *link = &r->bucket[hash_datagram(r, d)];
    unsigned f = family(d);

    drop_pieces(r, d);
    while (*link != index)
        link = &at(r, *link)->chained;
    *link = d->chained;
    if (d->older != 0)
        at(r, d->older)->newer = d->newer;
    else
        r->first[f] = d->newer;
    if (d->newer != 0)
        at(r, d->newer)->older = d->older;
    else
        r->last[f] = d->older;
    r->per_source[hash_source(r, d->src, d->addr_len)]--;
    r->bytes -= r->datagrams.record_size;
    estab_pool_put(&r->datagrams, index);
}

/* Nothing of this datagram will be delivered; its record stays, so that what still comes of it is
 * known for what it is (RFC 5722 §4). */
static enum estab_verdict
kill(struct reassembly *r, struct datagram *d, enum estab_verdict why)
{
    drop_pieces(r, d);
    d->dead = (uint8_t)why;
    r->failed++;
    return why;
}

static uint32_t
oldest(const struct reassembly *r)
{
    if (r->first[0] == 0 || r->first[1] == 0)
        return r->first[0] != 0 ? r->first[0] : r->first[1];
    return at(r, r->first[0])->began_at <= at(r, r->first[1])->began_at ? r->first[0] : r->first[1];
}

static void
evict(struct reassembly *r, uint32_t index)
{
    if (at(r, index)->dead == 0)
        r->failed++;
    end(r, index);
}

/* Room for `size` octets more, at the cost of any datagram but `keep`. */
static bool
make_room(struct reassembly *r, size_t size, uint32_t keep)
{
    if (size > r->cfg->reassembly_bytes)
        return false;
    while (r->bytes > r->cfg->reassembly_bytes - size) {
        uint32_t index = oldest(r);

        if (index == keep)
            index = at(r, index)->newer != 0               ? at(r, index)->newer
                    : r->first[!family(at(r, index))] != 0 ? r->first[!family(at(r, index))]
                                                           : 0;
        if (index == 0)
            return false;
        evict(r, index);
    }
    return true;
}

/* One source may hold a quarter of all; its own oldest makes room, so that it harms itself only. */
static void
limit_source(struct reassembly *r, const struct datagram *like)
{
    uint32_t most = r->cfg->max_reassemblies / 4 + 1, source, index;

    source = hash_source(r, like->src, like->addr_len);
    if (r->per_source[source] < most)
        return;
    for (index = r->first[family(like)]; index != 0; index = at(r, index)->newer)
        if (hash_source(r, at(r, index)->src, like->addr_len) == source) {
            evict(r, index);
            return;
        }
}

static uint32_t
begin(struct reassembly *r, const struct datagram *like, unsigned ifindex, estab_time now)
{
    unsigned f = family(like);
    uint32_t index, bucket = hash_datagram(r, like);
    struct datagram *d;

    limit_source(r, like);
    if (r->datagrams.lent >= r->cfg->max_reassemblies && r->datagrams.lent > 0)
        evict(r, oldest(r));
    if (!make_room(r, r->datagrams.record_size, 0))
        return 0;
    d = estab_pool_get(&r->datagrams, &index);
    if (d == NULL)
        return 0;
    *d = *like;
    d->ifindex = (uint8_t)ifindex;
    d->total = UNKNOWN;
    d->began_at = now;
    d->ends_at = now + (f == 0 ? r->cfg->reassembly_timeout_4 : r->cfg->reassembly_timeout_6);
    d->chained = r->bucket[bucket];
    r->bucket[bucket] = index;
    d->older = r->last[f];
    if (r->last[f] != 0)
        at(r, r->last[f])->newer = index;
    else
        r->first[f] = index;
    r->last[f] = index;
    r->per_source[hash_source(r, d->src, d->addr_len)]++;
    r->bytes += r->datagrams.record_size;
    return index;
}

void
estab_reassembly_clear(struct reassembly *r)
{
    uint32_t index;

    while ((index = oldest(r)) != 0)
        end(r, index);
}

void
estab_reassembly_fini(struct reassembly *r)
{
    estab_reassembly_clear(r);
    estab_pool_fini(&r->datagrams);
}

/* ---- a fragment ---- */

/* RFC 5722 §4, RFC 8200 §4.5 (RFC5722-OVERLAP, RFC8200-4.5-FRAG), and over IPv4 as well
 * (RFC6274-V4SEC): fragments that overlap, or do not agree where the datagram ends, are an attack,
 * and end it. The same fragment once more is only the network's doing. `*place`: the piece behind
 * which it belongs; NULL: it is the first. */
static enum estab_verdict
find_place(const struct datagram *d, const struct ip_header *ip, struct piece **place)
{
    uint32_t begins = ip->offset, ends = ip->offset + ip->payload_len;
    struct piece *before, *after;

    for (before = d->last; before != NULL && before->offset >= begins; before = before->before)
        ;
    *place = before;
    after = before != NULL ? before->after : d->first;
    if (after != NULL && after->offset == begins && after->len == ip->payload_len &&
        ip->more == (ends != d->total) &&
        memcmp(octets_of(after) + after->skip, ip->payload, ip->payload_len) == 0)
        return ESTAB_SEG_DROP_FRAGMENT_DUPLICATE;
    if ((after != NULL && after->offset < ends) ||
        (before != NULL && before->offset + before->len > begins))
        return ESTAB_SEG_DROP_FRAGMENT_OVERLAP;
    if (ip->more ? ends >= d->total : (d->total != UNKNOWN && d->total != ends) || after != NULL)
        return ESTAB_SEG_DROP_FRAGMENT_OVERLAP;
    return ESTAB_SEG_NONE;
}

static uint32_t
chunk_for(uint32_t len)
{
    uint32_t size = 1u << CHUNK_MIN_LOG2;

    while (size < len)
        size *= 2;
    return size;
}

static enum estab_verdict
store(struct reassembly *r, uint32_t index, const struct ip_header *ip, const uint8_t *packet,
      struct piece *before)
{
    struct datagram *d = at(r, index);
    uint32_t skip = ip->offset == 0 ? (uint32_t)(ip->payload - packet) : 0;
    uint32_t size = chunk_for(PIECE_HEAD + skip + ip->payload_len);
    struct piece *p;

    if (d->pieces >= r->cfg->max_fragments || !make_room(r, size, index))
        return ESTAB_SEG_DROP_FRAGMENT_LIMIT;
    p = estab_chunks_get(r->chunks, size);
    if (p == NULL)
        return ESTAB_SEG_DROP_NO_MEMORY;
    r->bytes += size;
    d->pieces++;
    *p = (struct piece){
        .before = before,
        .after = before != NULL ? before->after : d->first,
        .size = size,
        .offset = ip->offset,
        .len = ip->payload_len,
        .skip = skip,
    };
    *(before != NULL ? &before->after : &d->first) = p;
    *(p->after != NULL ? &p->after->before : &d->last) = p;
    memcpy(octets_of(p), ip->payload - skip, skip + ip->payload_len);
    if (ip->offset == 0) {
        d->header_len = (uint16_t)ip->header_len;
        d->next_at = (uint16_t)ip->next_at;
        d->next_header = ip->proto;
    }
    return ESTAB_SEG_NONE;
}

/* ---- a whole datagram ---- */

/* RFC 3168 §5.3 (RFC3168-5.3-FRAG): a mark on one fragment is a mark on all; fragments marked and
 * fragments that cannot be are no datagram of one sender. */
static bool
merge_ecn(const struct datagram *d, uint8_t *tos)
{
    bool marked = (d->ecn & 1u << 3) != 0;

    if (marked && (d->ecn & 1u << 0) != 0)
        return false;
    if (marked)
        *tos |= 3;
    return true;
}

static enum estab_verdict
put_together(struct reassembly *r, const struct datagram *d, struct whole_packet *whole)
{
    uint32_t len = d->header_len + d->total, size = chunk_for(len);
    bool v4 = d->addr_len == 4;
    struct piece *piece;
    uint8_t *p, tos;
    uint16_t sum;

    /* the first fragment's headers may be longer than those of the one that was checked */
    if (len - (v4 ? 0 : 40) > 65535)
        return ESTAB_SEG_DROP_IP_FRAGMENT;
    p = octets_of(d->first);
    tos = v4 ? p[1] : (uint8_t)(get_be16(p) >> 4);
    if (!merge_ecn(d, &tos))
        return ESTAB_SEG_DROP_FRAGMENT_ECN;
    p = estab_chunks_get(r->chunks, size);
    if (p == NULL)
        return ESTAB_SEG_DROP_NO_MEMORY;
    memcpy(p, octets_of(d->first), d->header_len);
    for (piece = d->first; piece != NULL; piece = piece->after)
        memcpy(p + d->header_len + piece->offset, octets_of(piece) + piece->skip, piece->len);
    if (v4) {
        p[1] = tos;
        put_be16(p + 2, len);
        put_be16(p + 6, 0);
        put_be16(p + 10, 0);
        sum = (uint16_t)~csum_fold(estab_csum_add(p, d->header_len, 0));
        memcpy(p + 10, &sum, 2);
    } else {
        p[0] = (uint8_t)(0x60 | tos >> 4);
        p[1] = (uint8_t)(tos << 4 | (p[1] & 15));
        put_be16(p + 4, len - 40);
        p[d->next_at] = d->next_header;
    }
    *whole = (struct whole_packet){ .data = p, .len = len, .size = size };
    return ESTAB_SEG_NONE;
}

void
estab_reassembly_put(struct reassembly *r, struct whole_packet *whole)
{
    estab_chunks_put(r->chunks, whole->data, whole->size);
    *whole = (struct whole_packet){ 0 };
}

enum estab_verdict
estab_reassembly_add(struct reassembly *r, const struct ip_header *ip, const uint8_t *packet,
                     unsigned ifindex, estab_time now, struct whole_packet *whole)
{
    struct datagram like, *d;
    enum estab_verdict v;
    struct piece *place;
    uint32_t index;

    *whole = (struct whole_packet){ 0 };
    memset(&like, 0, sizeof(like));
    memcpy(like.src, ip->src, ip->addr_len);
    memcpy(like.dst, ip->dst, ip->addr_len);
    like.id = ip->id;
    like.addr_len = ip->addr_len;
    like.proto = ip->version == 4 ? ip->proto : 0;
    /* RFC 4007 §6: on another link it is another host, or another group */
    if (estab_ip_is_link_local(ip->src, ip->addr_len) ||
        estab_ip_is_link_local(ip->dst, ip->addr_len) ||
        estab_ip_is_multicast(ip->dst, ip->addr_len))
        like.zone = (uint8_t)ifindex;
    for (index = r->bucket[hash_datagram(r, &like)]; index != 0; index = at(r, index)->chained)
        if (is_same(at(r, index), &like))
            break;
    if (index == 0)
        index = begin(r, &like, ifindex, now);
    if (index == 0)
        return ESTAB_SEG_DROP_FRAGMENT_LIMIT;
    d = at(r, index);
    if (d->dead != 0)
        return (enum estab_verdict)d->dead;
    v = find_place(d, ip, &place);
    if (v == ESTAB_SEG_DROP_FRAGMENT_DUPLICATE)
        return v;
    if (v == ESTAB_SEG_NONE)
        v = store(r, index, ip, packet, place);
    if (v != ESTAB_SEG_NONE)
        return kill(r, d, v);
    d->have += ip->payload_len;
    d->ecn |= (uint8_t)(1u << (ip->tos & 3));
    if (!ip->more)
        d->total = ip->offset + ip->payload_len;
    if (d->have != d->total)
        return ESTAB_SEG_ACCEPTED_FRAGMENT;
    v = put_together(r, d, whole);
    r->failed += v != ESTAB_SEG_NONE;
    end(r, index);
    return v;
}

/* ---- time ---- */

estab_time
estab_reassembly_deadline(const struct reassembly *r)
{
    estab_time next = ESTAB_NEVER;
    unsigned f;

    for (f = 0; f < 2; f++)
        if (r->first[f] != 0 && at(r, r->first[f])->ends_at < next)
            next = at(r, r->first[f])->ends_at;
    return next;
}

bool
estab_reassembly_expire(struct reassembly *r, estab_time now, struct late_datagram *late)
{
    unsigned f;

    for (f = 0; f < 2; f++) {
        uint32_t index = r->first[f];
        struct datagram *d;

        if (index == 0 || at(r, index)->ends_at > now)
            continue;
        d = at(r, index);
        late->ifindex = d->ifindex;
        late->quote_len = 0;
        if (d->first != NULL && d->first->offset == 0) {
            uint32_t len = d->first->skip + d->first->len;

            late->quote_len = len < REASSEMBLY_QUOTE ? len : REASSEMBLY_QUOTE;
            memcpy(late->quote, octets_of(d->first), late->quote_len);
        }
        evict(r, index);
        return true;
    }
    return false;
}
