/* SPDX-License-Identifier: MIT */
/*
 * A small stand-in for packetdrill: loads the object as packetdrill does, writes datagrams into
 * its network device, reads and compares what comes out, calls the members. The script's peer is
 * 192.0.2.1 or 2001:db8::1, port 5555; our port is 8080.
 */
#ifndef TESTS_PACKETDRILL_LOADER_H
#define TESTS_PACKETDRILL_LOADER_H

#include "harness/test.h"
#include "interface.h"

#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16, URG = 32 };

struct loaded {
    void *library;
    struct packetdrill_interface i;
    int family;             /* 4 or 6 */
    uint16_t local, remote; /* ports */
    uint32_t iss;           /* ours, once seen */
};

/* What is not named is 0. Our sequence numbers are written from 0 on. */
struct segment {
    uint8_t ctl;
    uint32_t seq, ack;
    uint32_t len;        /* octets of text, all 'a' + position % 26 */
    uint32_t wnd;        /* 0: 65535 sent, not compared */
    const char *options; /* raw, in hex; NULL: none sent, not compared */
};

static inline uint32_t
get32(const uint8_t *p)
{
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void
put16(uint8_t *p, uint32_t v)
{
    p[0] = (uint8_t)(v >> 8);
    p[1] = (uint8_t)v;
}

static inline void
put32(uint8_t *p, uint32_t v)
{
    put16(p, v >> 16);
    put16(p + 2, v);
}

static inline void
library_path(char *path, size_t size)
{
    ssize_t n = readlink("/proc/self/exe", path, size - 64);

    assert_true(n > 0);
    path[n] = '\0';
    for (int up = 0; up < 3; up++)
        *strrchr(path, '/') = '\0';
    strcat(path, "/libestab-packetdrill.so");
}

static inline struct loaded
load_family(const char *flags, int family)
{
    struct loaded l = { .family = family, .local = 8080, .remote = 5555 };
    void (*init)(const char *, struct packetdrill_interface *);
    char path[4096];

    library_path(path, sizeof(path));
    l.library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
    if (l.library == NULL)
        fail_msg("%s", dlerror());
    *(void **)&init = dlsym(l.library, "packetdrill_interface_init");
    assert_non_null(init);
    init(flags, &l.i);
    /* 33 members, none missing */
    assert_int_equal(sizeof(l.i), 33 * sizeof(void *));
    for (size_t k = 0; k < 33; k++)
        assert_non_null(((void **)&l.i)[k]);
    return l;
}

static inline struct loaded
load(const char *flags)
{
    return load_family(flags, 4);
}

static inline void
unload(struct loaded *l)
{
    l->i.free(l->i.userdata);
    dlclose(l->library);
}

#define CALL(l, member, ...) ((l)->i.member((l)->i.userdata, __VA_ARGS__))

static inline socklen_t
address(const struct loaded *l, bool local, uint16_t port, struct sockaddr_storage *out)
{
    memset(out, 0, sizeof(*out));
    if (l->family == 4) {
        struct sockaddr_in *a = (struct sockaddr_in *)out;

        a->sin_family = AF_INET;
        a->sin_port = htons(port);
        inet_pton(AF_INET, local ? "192.168.0.1" : "192.0.2.1", &a->sin_addr);
        return sizeof(*a);
    }
    struct sockaddr_in6 *a6 = (struct sockaddr_in6 *)out;

    a6->sin6_family = AF_INET6;
    a6->sin6_port = htons(port);
    inet_pton(AF_INET6, local ? "fd3d:fa7b:d17d::1" : "2001:db8::1", &a6->sin6_addr);
    return sizeof(*a6);
}

static inline void
sum_tcp(uint8_t *p, size_t len, int family)
{
    size_t header = family == 4 ? 20 : 40, start = family == 4 ? 12 : 8;
    uint32_t sum = 6 + (uint32_t)(len - header);

    put16(p + header + 16, 0);
    for (size_t i = start; i < len; i += 2)
        sum += (uint32_t)p[i] << 8 | (i + 1 < len ? p[i + 1] : 0u);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    put16(p + header + 16, ~sum & 0xffff);
}

static inline size_t
from_hex(const char *hex, uint8_t *out)
{
    size_t n = 0;
    unsigned octet;

    for (; hex != NULL && hex[0] != '\0'; hex += hex[0] == ' ') {
        assert_int_equal(sscanf(hex, "%2x", &octet), 1);
        out[n++] = (uint8_t)octet;
        hex += 2;
    }
    return n;
}

/* The peer sends. */
static inline void
inject_at(struct loaded *l, struct segment s)
{
    uint8_t p[2048] = { 0 };
    size_t header = l->family == 4 ? 20 : 40, options, len;
    struct sockaddr_storage ours, theirs;
    uint8_t *t = p + header;

    address(l, true, 0, &ours);
    address(l, false, 0, &theirs);
    options = from_hex(s.options, t + 20);
    len = header + 20 + options + s.len;
    if (l->family == 4) {
        uint32_t sum = 0;

        p[0] = 0x45;
        put16(p + 2, (uint32_t)len);
        p[8] = 255;
        p[9] = 6;
        memcpy(p + 12, &((struct sockaddr_in *)&theirs)->sin_addr, 4);
        memcpy(p + 16, &((struct sockaddr_in *)&ours)->sin_addr, 4);
        for (size_t i = 0; i < 20; i += 2)
            sum += (uint32_t)p[i] << 8 | p[i + 1];
        while (sum >> 16)
            sum = (sum & 0xffff) + (sum >> 16);
        put16(p + 10, ~sum & 0xffff);
    } else {
        p[0] = 0x60;
        put16(p + 4, (uint32_t)(len - 40));
        p[6] = 6;
        p[7] = 255;
        memcpy(p + 8, &((struct sockaddr_in6 *)&theirs)->sin6_addr, 16);
        memcpy(p + 24, &((struct sockaddr_in6 *)&ours)->sin6_addr, 16);
    }
    put16(t, l->remote);
    put16(t + 2, l->local);
    put32(t + 4, s.seq);
    put32(t + 8, s.ctl & ACK ? s.ack + l->iss : 0);
    t[12] = (uint8_t)((20 + options) / 4 << 4);
    t[13] = s.ctl;
    put16(t + 14, s.wnd != 0 ? s.wnd : 65535);
    for (size_t i = 0; i < s.len; i++)
        t[20 + options + i] = (uint8_t)('a' + (s.seq + i) % 26);
    sum_tcp(p, len, l->family);
    assert_int_equal(CALL(l, netdev_send, p, len), 0);
}
#define inject(l, ...) inject_at(l, (struct segment){ __VA_ARGS__ })

/* An ACK of `ack` with one SACK block. */
static inline void
inject_sack(struct loaded *l, uint32_t ack, uint32_t left, uint32_t right)
{
    char options[40];

    snprintf(options, sizeof(options), "0101050a %08x %08x", l->iss + left, l->iss + right);
    inject(l, .ctl = ACK, .seq = 1, .ack = ack, .options = options);
}

static inline long long
now_us(struct loaded *l)
{
    struct timeval tv;

    assert_int_equal(CALL(l, gettimeofday, &tv, NULL), 0);
    return (long long)tv.tv_sec * 1000000 + tv.tv_usec;
}

/* What the host sends next, its options as octets, and when. */
struct taken {
    struct segment seg;
    uint8_t options[40];
    size_t options_len;
    long long at;
};

static inline struct taken
takes_whole(struct loaded *l, const char *file, int line)
{
    uint8_t p[2048];
    size_t header = l->family == 4 ? 20 : 40, len, n;
    struct taken got = { .at = 0 };
    const uint8_t *t = p + header;
    int result;

    do {
        len = sizeof(p);
        result = CALL(l, netdev_receive, p, &len, &got.at);
    } while (result == -1);
    if (len == 0)
        fail_msg("%s:%d: nothing is ever sent", file, line);
    assert_int_equal(p[0] >> 4, l->family);
    l->remote = (uint16_t)(t[2] << 8 | t[3]);
    l->local = (uint16_t)(t[0] << 8 | t[1]);
    if (t[13] & SYN)
        l->iss = get32(t + 4);
    n = (size_t)(t[12] >> 4) * 4;
    got.seg = (struct segment){ .ctl = t[13],
                                .seq = get32(t + 4) - l->iss,
                                .ack = get32(t + 8),
                                .len = (uint32_t)(len - header - n),
                                .wnd = (uint32_t)(t[14] << 8 | t[15]) };
    got.options_len = n - 20;
    memcpy(got.options, t + 20, n - 20);
    return got;
}

static inline struct segment
takes(struct loaded *l, const char *file, int line)
{
    return takes_whole(l, file, line).seg;
}

/* The host sends this next; returns when. */
static inline long long
expect_at(struct loaded *l, const char *file, int line, struct segment want)
{
    struct taken got = takes_whole(l, file, line);
    const struct segment *s = &got.seg;
    uint8_t options[40];

    if (s->ctl != want.ctl || s->seq != want.seq || (want.ctl & ACK && s->ack != want.ack) ||
        s->len != want.len || (want.wnd != 0 && s->wnd != want.wnd))
        fail_msg("%s:%d: got ctl %02x seq %u ack %u len %u wnd %u", file, line, s->ctl, s->seq,
                 s->ack, s->len, s->wnd);
    if (want.options != NULL) {
        assert_int_equal(got.options_len, from_hex(want.options, options));
        assert_memory_equal(got.options, options, got.options_len);
    }
    return got.at;
}
#define expect(l, ...) expect_at(l, __FILE__, __LINE__, (struct segment){ __VA_ARGS__ })

/* For so long nothing is sent: the clock ends there, and the queue is empty. */
static inline void
sleeps(struct loaded *l, unsigned usecs)
{
    assert_int_equal(CALL(l, usleep, usecs), 0);
}

/* A socket that listens on our port. */
static inline int
listens(struct loaded *l)
{
    struct sockaddr_storage a;
    socklen_t len = address(l, true, 8080, &a);
    int fd = CALL(l, socket, l->family == 4 ? AF_INET : AF_INET6, SOCK_STREAM, IPPROTO_TCP);

    assert_true(fd >= 0);
    assert_int_equal(CALL(l, bind, fd, (struct sockaddr *)&a, len), 0);
    assert_int_equal(CALL(l, listen, fd, 1), 0);
    return fd;
}

/* A connection of theirs, accepted; no options but MSS. */
static inline int
accepts(struct loaded *l, int listener)
{
    int fd;

    inject(l, .ctl = SYN, .seq = 0, .options = "020405b4");
    expect(l, .ctl = SYN | ACK, .seq = 0, .ack = 1);
    inject(l, .ctl = ACK, .seq = 1, .ack = 1);
    fd = CALL(l, accept, listener, NULL, NULL);
    assert_true(fd >= 0);
    return fd;
}

#define expect_error(call, err)                                                                    \
    do {                                                                                           \
        errno = 0;                                                                                 \
        assert_int_equal(call, -1);                                                                \
        assert_int_equal(errno, err);                                                              \
    } while (0)

#endif
