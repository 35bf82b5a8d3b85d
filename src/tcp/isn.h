/* SPDX-License-Identifier: MIT */
/* Numbers that an outsider cannot guess: ISNs (RFC 6528), timestamp offsets (RFC 7323 §5.4) and
 * ephemeral ports (RFC 6056), each a keyed function of the connection's four names. */
#ifndef TCP_ISN_H
#define TCP_ISN_H

#include "base/siphash.h"
#include "estab/time.h"
#include "tcp/seq.h"

/* ISN = M + F(localip, localport, remoteip, remoteport, secretkey). `names` are the octets of the
 * four, in that order. */
tcp_seq estab_isn(const struct siphash_key *key, const uint8_t *names, size_t len, estab_time now);

#endif
