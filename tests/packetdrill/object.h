/* SPDX-License-Identifier: MIT */
/* What the files of the packetdrill object share: one host, its virtual clock, its descriptors. */
#ifndef PACKETDRILL_OBJECT_H
#define PACKETDRILL_OBJECT_H

#include "estab/estab.h"
#include "sock/sock.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#define WAITERS 8

/* A datagram that the host has sent and the script has not read. */
struct packet {
    struct packet *next;
    estab_time at;
    uint32_t len;
    uint8_t data[];
};

/* A thread inside a blocking call. */
struct waiter {
    pthread_t thread;
    enum { FREE, ASLEEP, RETRYING, RETURNING } state;
    estab_time until;
};

enum descriptor_kind { NOT_OURS, SOCKET, EPOLL };

struct descriptor {
    enum descriptor_kind kind;
    struct estab_sock *sock;
    struct estab_epoll *epoll;
};

/* What flags and the sysctl file have set. */
struct settings {
    struct estab_config cfg; /* everything but allocator and secret can change while we run */
    struct estab_addr local4, local6;
    uint32_t mtu;
    bool verbose;
    bool unread_allowed;
    long sysctl_read; /* octets of the file that have been taken */
};

struct object {
    pthread_mutex_t lock;
    pthread_cond_t changed; /* of any waiter */
    pthread_t main;         /* the thread that runs the script */
    struct settings set;
    struct estab_stack *stack;
    struct estab_sock_host *host;
    estab_time now;
    struct packet *first, *last;
    struct waiter waiters[WAITERS];
    struct descriptor *fds;
    int n_fds;
};

/* Prints what is wrong and ends the process with status 1. */
_Noreturn void pd_fail(const char *what, ...) __attribute__((format(printf, 1, 2)));

/* clock.c */
/* Time goes on to `at`, timers and blocked threads included; stops earlier, at a packet, if told. */
void pd_advance(struct object *o, estab_time at, bool until_packet);
/* The next instant at which anything can happen by itself; ESTAB_NEVER: none. */
estab_time pd_next(const struct object *o);
/* After anything that touched the stack: collects its packets, lets blocked threads try again. */
void pd_settle(struct object *o);
/* The clock stands still until each thread that was woken has looked at it. */
void pd_hold(struct object *o);
/* The thread that calls has looked at the clock; true: the clock had stood still for it. */
bool pd_looked(struct object *o);
/* Tries until the result is something else than ESTAB_SOCK_BLOCKED, sleeping in between. */
typedef ptrdiff_t pd_try(struct object *o, void *arg, struct estab_sock_call *call);
ptrdiff_t pd_wait(struct object *o, pd_try *try, void *arg);

/* packets.c */
void pd_collect(struct object *o);
void pd_drop_packets(struct object *o);
void pd_add_local(struct object *o, const struct estab_addr *addr);
int pd_netdev_send(void *userdata, const void *data, size_t len);
int pd_netdev_receive(void *userdata, void *data, size_t *len, long long *usecs);

/* settings.c */
void pd_settings_init(struct settings *set, const char *flags);
/* Takes new lines of the sysctl file; true: something has changed. */
bool pd_settings_read(struct settings *set);
void pd_settings_apply(struct object *o);

#endif
