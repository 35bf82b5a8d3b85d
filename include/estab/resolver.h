/* SPDX-License-Identifier: MIT */
/*
 * A DNS stub resolver as a value (RFC 1034, 1035, 2308, 5452, 6891, 7766): questions, datagrams,
 * streams and the time go in; datagrams, streams and answers come out. It opens no socket: whoever
 * owns it carries its datagrams from the port it names, and its streams over TCP. A resolver
 * belongs to one thread; the caller owns its memory, and nothing is allocated.
 */
#ifndef ESTAB_RESOLVER_H
#define ESTAB_RESOLVER_H

#include "estab/addr.h"
#include "estab/api.h"
#include "estab/time.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* A domain name as it goes over the wire: lengths and labels, the root's zero last. */
#define ESTAB_NAME_MAX 255
struct estab_name {
    uint8_t len; /* of octets in use; 0: no name */
    uint8_t octets[ESTAB_NAME_MAX];
};

/* Limits; what happens at each stands in docs/architecture.md. */
#define ESTAB_RESOLVER_SERVERS 4
#define ESTAB_RESOLVER_SEARCH 6
#define ESTAB_RESOLVER_QUERIES 16
#define ESTAB_RESOLVER_CACHE 64
#define ESTAB_RESOLVER_ADDRS 16
#define ESTAB_RESOLVER_MESSAGE 282 /* octets of the longest query */

/* One line of a hosts table. */
struct estab_host_entry {
    struct estab_name name;
    struct estab_addr addr;
};

struct estab_resolver_config {
    uint8_t secret[32]; /* keys IDs, ports and cases; all zero is refused */
    struct estab_endpoint servers[ESTAB_RESOLVER_SERVERS];
    unsigned n_servers;
    struct estab_name search[ESTAB_RESOLVER_SEARCH]; /* put behind names that are not whole */
    unsigned n_search;
    unsigned ndots;                       /* a name with as many dots is asked as it is first; 1 */
    const struct estab_host_entry *hosts; /* borrowed for the resolver's life; may be NULL */
    size_t n_hosts;
    estab_time timeout;          /* of the first round over the servers, doubled for each; 2 s */
    unsigned attempts;           /* rounds; 3 */
    estab_time stream_timeout;   /* of a question asked over TCP; 5 s */
    uint16_t port_min, port_max; /* of the datagrams; 1024..65535 */
    uint16_t udp_size;           /* what one datagram may bring (RFC 6891); 1232; 0: no EDNS0 */
    bool mixed_case;             /* letters of random case that must come back so; on */
    unsigned wrong_max;          /* datagrams that only nearly match before TCP is taken; 16 */
    uint32_t ttl_max;            /* seconds an answer is kept at most; 86400 */
    uint32_t negative_ttl_max;   /* 3600 */
};

/* What became of a datagram or of a message from a stream. */
/* clang-format off */
#define ESTAB_RESOLVER_VERDICTS(X)                                                                  \
    X(ANSWER,           "answers the question",                                    "RFC 1034 §5.3.1") \
    X(NEGATIVE,         "says that there is no such name or address",              "RFC 2308 §2")     \
    X(ALIAS,            "names an alias, which is asked for next",                 "RFC 1034 §3.6.2") \
    X(TRUNCATED,        "is cut off: asked again over TCP",                        "RFC 7766 §5")     \
    X(SERVER_FAILED,    "the server cannot answer: another is asked",              "RFC 1035 §7.2")   \
    X(NO_EDNS,          "the server does not know EDNS0: asked again without",     "RFC 6891 §7")     \
    X(MALFORMED,        "the right answer by its head, but broken",                "RFC 1035 §7.3")   \
    X(DROP_SHORT,       "shorter than a header",                                   "RFC 1035 §4.1.1") \
    X(DROP_NO_QUERY,    "nothing was asked from that port",                        "RFC 5452 §9.1")   \
    X(DROP_SERVER,      "not from the server that was asked",                      "RFC 5452 §9.1")   \
    X(DROP_NO_RESPONSE, "a query or another operation, not a response",            "RFC 1035 §7.3")   \
    X(DROP_ID,          "the ID is not that of the query",                         "RFC 5452 §9.1")   \
    X(DROP_QUESTION,    "answers another question",                                "RFC 5452 §9.1")   \
    X(DROP_CASE,        "the letters of the name have another case",               "RFC 5452 §9.1")
/* clang-format on */

enum estab_resolver_verdict {
#define X(name, text, rule) ESTAB_RESOLVER_##name,
    ESTAB_RESOLVER_VERDICTS(X)
#undef X
        ESTAB_RESOLVER_VERDICT_COUNT
};
/* "DROP_ID"; "?" for a number that is none. */
ESTAB_API const char *estab_resolver_verdict_name(unsigned verdict);

enum estab_answer_kind {
    ESTAB_ANSWER_ADDRS,      /* there are some */
    ESTAB_ANSWER_NO_NAME,    /* the name does not exist */
    ESTAB_ANSWER_NO_ADDRESS, /* it does, but has no address of that family */
    ESTAB_ANSWER_FAILED,     /* the servers answered, but none knew */
    ESTAB_ANSWER_TIMED_OUT,  /* no server answered in time */
    ESTAB_ANSWER_NO_SERVER,  /* there is none to ask */
};
/* "the name does not exist" */
ESTAB_API const char *estab_answer_text(unsigned kind);

struct estab_answer {
    uint32_t query;
    uint8_t family;
    uint8_t kind; /* enum estab_answer_kind */
    bool cached;
    unsigned n;
    struct estab_addr addrs[ESTAB_RESOLVER_ADDRS];
};

/* The caller's memory; the fields are the resolver's own. */
struct estab_resolver_query {
    uint32_t id;                          /* handle; 0: free */
    uint8_t phase;                        /* see resolver.c */
    uint8_t family;                       /* ESTAB_INET: type A; ESTAB_INET6: AAAA */
    uint8_t candidate;                    /* of the search list */
    uint8_t attempt;                      /* servers asked for this name */
    uint8_t links;                        /* aliases followed */
    uint8_t leader;                       /* index of the query that asks the same, + 1 */
    bool absolute;                        /* the name was given with its last dot */
    bool saw_name;                        /* a candidate exists, without an address */
    bool answered;                        /* some server has answered something */
    bool plain;                           /* without EDNS0 */
    bool stream;                          /* asked over TCP */
    uint16_t id_sent;                     /* of the message on its way */
    uint16_t port;                        /* and where it left from */
    unsigned wrong;                       /* datagrams that nearly matched it */
    unsigned server;                      /* whom it was sent to */
    estab_time at;                        /* when it is given up */
    struct estab_name given, asked, sent; /* the user's, the alias now asked for, its letters */
    struct estab_answer answer;
};

struct estab_resolver_cached {
    struct estab_name name; /* len 0: free */
    uint8_t family, kind, n;
    estab_time until;
    struct estab_addr addrs[ESTAB_RESOLVER_ADDRS];
};

struct estab_resolver {
    struct estab_resolver_config cfg;
    uint64_t key[2], drawn;
    uint32_t generation;
    unsigned good; /* the server that answered last */
    struct estab_resolver_query queries[ESTAB_RESOLVER_QUERIES];
    struct estab_resolver_cached cache[ESTAB_RESOLVER_CACHE];
    uint64_t verdicts[ESTAB_RESOLVER_VERDICT_COUNT];
};

ESTAB_API void estab_resolver_config_init(struct estab_resolver_config *cfg);
/* Copies the configuration. -ESTAB_EINVAL: the secret is all zero or a setting out of range. */
ESTAB_API ESTAB_MUST_CHECK int estab_resolver_init(struct estab_resolver *r,
                                                   const struct estab_resolver_config *cfg);

/* A name as a person writes it; false: not a name. */
ESTAB_API bool estab_name_parse(struct estab_name *out, const char *text);

/*
 * Asks for the addresses of one family. Numeric addresses, "localhost" and the hosts table are
 * answered without a server. 0 and the query's number, or -ESTAB_EINVAL (not a name, no family),
 * -ESTAB_ENOBUFS (ESTAB_RESOLVER_QUERIES are on their way). Each is answered once.
 */
ESTAB_API ESTAB_MUST_CHECK int estab_resolver_ask(struct estab_resolver *r, const char *name,
                                                  unsigned family, uint32_t *query, estab_time now);
/* Forgets a query that has not been answered. */
ESTAB_API void estab_resolver_cancel(struct estab_resolver *r, uint32_t query, estab_time now);
/* Takes an answer. */
ESTAB_API bool estab_resolver_next_answer(struct estab_resolver *r, struct estab_answer *out);

/* A datagram to send from `local_port`, which must be opened for this alone: another one follows
 * from another port. If the port is in use, call estab_resolver_port_taken(). */
struct estab_resolver_message {
    uint32_t query;
    struct estab_endpoint to;
    uint16_t local_port; /* of a stream 0: any */
    uint16_t len;
    uint8_t octets[2 + ESTAB_RESOLVER_MESSAGE];
};
ESTAB_API bool estab_resolver_next_datagram(struct estab_resolver *r,
                                            struct estab_resolver_message *out, estab_time now);
ESTAB_API void estab_resolver_port_taken(struct estab_resolver *r, uint32_t query);
/* A stream to open, and what to send on it. */
ESTAB_API bool estab_resolver_next_stream(struct estab_resolver *r,
                                          struct estab_resolver_message *out, estab_time now);
/* Is that port (0: the stream) of the query still waited on? If not, close it. */
ESTAB_API bool estab_resolver_expects(const struct estab_resolver *r, uint32_t query,
                                      uint16_t local_port);

/* A datagram that arrived. Returns an enum estab_resolver_verdict. */
ESTAB_API unsigned estab_resolver_datagram(struct estab_resolver *r, uint16_t local_port,
                                           const struct estab_endpoint *from, const uint8_t *data,
                                           size_t len, estab_time now);
/* All that has come on the stream of a query so far, at most 65537 octets are of use. True: that
 * was all. */
ESTAB_API bool estab_resolver_stream(struct estab_resolver *r, uint32_t query, const uint8_t *data,
                                     size_t len, estab_time now);
/* The datagram was answered with port unreachable, or the stream failed: the next server. */
ESTAB_API void estab_resolver_failed(struct estab_resolver *r, uint32_t query, estab_time now);

ESTAB_API estab_time estab_resolver_deadline(const struct estab_resolver *r);
ESTAB_API void estab_resolver_timeouts(struct estab_resolver *r, estab_time now);

#ifdef __cplusplus
}
#endif

#endif
