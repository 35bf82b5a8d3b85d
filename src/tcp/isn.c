/* SPDX-License-Identifier: MIT */
/*
 * Initial sequence numbers: RFC 9293 §3.4.1, RFC 6528 §3. Called from stack/ for every OPEN and
 * every SYN that a listener takes.
 */
#include "tcp/isn.h"

tcp_seq
estab_isn(const struct siphash_key *key, const uint8_t *names, size_t len, estab_time now)
{
    /* M: a clock of 4 microseconds (MUST-8), so that the numbers of one pair of ends go on from
     * where the last connection left off. F: SipHash with a key of the host's own (SHLD-1, MUST-9,
     * RFC6528-3), so that what one sees tells nothing about another. */
    /* After a restart there is nothing to wait for (RFC9293-3.4.2-QUIET): the secret is new, so the
     * numbers and the ports have nothing to do with those of the last life. */
    tcp_seq m = (tcp_seq)(uint64_t)(now / ESTAB_US(4));

    return m + (tcp_seq)estab_siphash24(key, names, len);
}
