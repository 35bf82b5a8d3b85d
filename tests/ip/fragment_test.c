/* SPDX-License-Identifier: MIT */
/* Fragments on their way out, and their identifications: RFC 791 §3.2, RFC 8200 §4.5, RFC 6864, RFC 7739. */
#include "ip/fragment.h"

#include "base/bytes.h"
#include "harness/test.h"
#include "wire/ip_header.h"

#include <stdlib.h>
#include <string.h>

static const uint8_t src[16] = { 192, 0, 2, 1 }, dst[16] = { 192, 0, 2, 2 };

static struct ip_ids
ids(uint64_t key)
{
    struct ip_ids t;

    estab_ip_ids_init(&t, (struct siphash_key){ key, 2 });
    return t;
}

/* RFC6864-4: towards one host no number comes back before all others have been. */
TEST(an_identification_does_not_come_back_soon)
{
    struct ip_ids t = ids(1);
    uint8_t *seen = calloc(1, 65536);

    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t id = estab_ip_id(&t, src, dst, 4, 17);

        assert_in_range(id, 0, 65535);
        assert_int_equal(seen[id], 0);
        seen[id] = 1;
    }
    free(seen);
}

static unsigned
bits(uint32_t x)
{
    unsigned n = 0;

    for (; x != 0; x &= x - 1)
        n++;
    return n;
}

/* RFC7739-IDPRED, RFC 7739 §5.3: who sees some cannot foresee the next: differences are spread over all numbers. Another key, another
 * destination, another protocol has others.
 * vuln: Fragment cache poisoning and mixed fragments
 * vuln: IP-ID side channels (idle scan, off-path inference) */
TEST(an_identification_cannot_be_foreseen)
{
    for (unsigned addr_len = 4; addr_len <= 16; addr_len += 12) {
        struct ip_ids t = ids(1), u = ids(9);
        uint32_t last = 0, steps = 0, same = 0, mask = addr_len == 4 ? 0xffff : 0xffffffff;
        uint64_t changed = 0;

        for (uint32_t i = 0; i < 10000; i++) {
            uint32_t id = estab_ip_id(&t, src, dst, addr_len, 17);

            steps += ((id - last) & mask) <= 16;
            changed += bits(id ^ last);
            same += id == estab_ip_id(&u, src, dst, addr_len, 17);
            last = id;
        }
        assert_in_range(steps, 0, addr_len == 4 ? 12 : 1); /* 2.4 and 0 expected */
        assert_in_range(same, 0, addr_len == 4 ? 5 : 0);
        assert_in_range(changed, (addr_len == 4 ? 8 : 16) * 9900, (addr_len == 4 ? 8 : 16) * 10100);
    }
}

/* CVE-2019-10638: what is sent to others does not show in the numbers that one observer gets: neither their differences nor
 * their order say how many lay between them. */
TEST(identifications_do_not_count_what_goes_to_others)
{
    struct ip_ids quiet = ids(1), busy = ids(1);
    unsigned small_quiet = 0, small_busy = 0;
    uint32_t last_quiet = 0, last_busy = 0;
    uint8_t other[4] = { 198, 51, 100, 0 };

    for (unsigned i = 0; i < 4096; i++) {
        uint32_t a = estab_ip_id(&quiet, src, dst, 4, 17), b;

        for (unsigned k = 0; k < 256; k++) { /* all counters move */
            other[3] = (uint8_t)k;
            (void)estab_ip_id(&busy, src, other, 4, 17);
        }
        b = estab_ip_id(&busy, src, dst, 4, 17);
        small_quiet += ((a - last_quiet) & 0xffff) < 1024;
        small_busy += ((b - last_busy) & 0xffff) < 1024;
        last_quiet = a;
        last_busy = b;
    }
    assert_in_range(small_quiet, 24, 104); /* 64 expected of each, 5 sigma = 40 */
    assert_in_range(small_busy, 24, 104);
}

/* Every length over several links: fragments fill the link, in eights, and together are the payload. */
TEST(fragments_cover_the_payload_once)
{
    static const uint32_t mtus[] = { 68, 576, 1280, 1500, 9000 };
    uint8_t header[40], out[FRAGMENT_HEADER_MAX];

    for (unsigned version = 4; version <= 6; version += 2)
        for (unsigned m = 0; m < 5; m++)
            for (uint32_t len = 1; len < 30000; len += 331) {
                uint32_t at = 0;
                bool more;

                (void)estab_ip_write(header, version, 17, 64, 0, src, dst, 7, len);
                if (version == 4)
                    estab_ip_allow_fragments(header, 0x1234);
                do {
                    struct fragment f =
                        estab_ip_fragment(out, header, len, at, mtus[m], 0x12345678);
                    uint8_t *packet = malloc(f.header_len + f.len);
                    struct ip_header ip = { .proto = 0 };

                    assert_in_range(f.header_len + f.len, 1, mtus[m]);
                    memcpy(packet, out, f.header_len);
                    memset(packet + f.header_len, 0, f.len);
                    (void)estab_ip_parse(&ip, packet, f.header_len + f.len, false);
                    assert_int_equal(ip.proto, 17);
                    if (version == 4 && at == 0 && f.len == len) { /* it was no fragment */
                        assert_int_equal(ip.payload_len, len);
                        more = false;
                    } else if (ip.fragment) {
                        assert_int_equal(ip.offset, at);
                        assert_int_equal(ip.payload_len, f.len);
                        assert_int_equal(ip.id, version == 4 ? 0x1234 : 0x12345678);
                        more = ip.more;
                        assert_true(!more ||
                                    (f.len % 8 == 0 && f.header_len + f.len + 8 > mtus[m]));
                    } else { /* IPv6, atomic; or too small for a UDP header */
                        more = f.len < len - at;
                    }
                    at += f.len;
                    free(packet);
                } while (more);
                assert_int_equal(at, len);
            }
}
