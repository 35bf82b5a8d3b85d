/* SPDX-License-Identifier: MIT */
/*
 * Two hosts in one process, joined by a loop that carries packets from one to the other. There is
 * no socket, no thread and no clock in it: time is a number that we move.
 *
 * A stack is driven by five calls: input takes the packets that arrived, output gives those to
 * send, deadline says when to come back at the latest, tick is that coming back, and events says
 * which connections have news. The rest are the calls of a TCP user: listen, connect, send, ...
 */
#include <estab/estab.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void
put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    (void)size;
    free(ptr);
}

/* A host with one interface and one address. The secret must be random outside of an example. */
static struct estab_stack *
make_host(struct estab_addr addr, uint8_t secret)
{
    struct estab_config cfg;
    struct estab_link link = { .mtu = 1500 };
    struct estab_stack *host;

    estab_config_init(&cfg);
    cfg.alloc.get = get;
    cfg.alloc.put = put;
    memset(cfg.secret, secret, sizeof cfg.secret);
    host = estab_stack_new(&cfg);
    if (host == NULL || estab_stack_add_interface(host, &link) != 1 ||
        estab_stack_add_address(host, 1, &addr, 24) != 0)
        exit(1);
    return host;
}

static struct estab_stack *hosts[2];
static estab_time now;

/* Carries packets until both hosts have nothing to say; if neither had, moves the clock to the
 * next deadline. False: nothing will ever happen again. */
static bool
run(void)
{
    static uint8_t memory[2][1500];
    struct estab_frame frames[2];
    estab_time next = ESTAB_NEVER;
    size_t n, total = 0;

    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 2; k++)
            frames[k] = (struct estab_frame){ .data = memory[k], .cap = sizeof memory[k] };
        n = estab_stack_output(hosts[i], 1, frames, 2, now);
        estab_stack_input(hosts[1 - i], 1, frames, n, now);
        total += n;
    }
    for (int i = 0; i < 2 && total == 0; i++)
        if (estab_stack_deadline(hosts[i]) < next)
            next = estab_stack_deadline(hosts[i]);
    if (total > 0 || next == ESTAB_NEVER)
        return total > 0;
    now = next;
    for (int i = 0; i < 2; i++)
        estab_stack_tick(hosts[i], now);
    return true;
}

/* What has happened to `conn` so far, asked until one of `bits` is among it. */
static void
wait_for(struct estab_stack *host, estab_conn conn, uint32_t bits)
{
    struct estab_event event;

    do {
        while (estab_stack_events(host, &event, 1) == 1)
            if (event.conn == conn && (event.bits & bits) != 0)
                return;
    } while (run());
    fprintf(stderr, "hello: it never happened\n");
    exit(1);
}

static void
must(ptrdiff_t result)
{
    if (result < 0) {
        fprintf(stderr, "hello: %s\n", estab_err_text((int)result));
        exit(1);
    }
}

int
main(void)
{
    struct estab_endpoint server = { estab_addr_v4(192, 0, 2, 1), 80 };
    estab_conn listener, client, conn;
    char text[64] = "";

    hosts[0] = make_host(server.addr, 1);
    hosts[1] = make_host(estab_addr_v4(192, 0, 2, 2), 2);

    must(estab_listen(hosts[0], &server, 8, NULL, &listener, now));
    must(estab_connect(hosts[1], NULL, &server, NULL, &client, now));
    wait_for(hosts[0], listener, ESTAB_ACCEPTABLE);
    must(estab_accept(hosts[0], listener, &conn, now));

    must(estab_send(hosts[1], client, "hello", 5, now));
    must(estab_close(hosts[1], client, now)); /* what was sent is delivered, and then a FIN */
    wait_for(hosts[0], conn, ESTAB_READABLE);
    must(estab_receive(hosts[0], conn, text, sizeof text - 1, now));
    must(estab_close(hosts[0], conn, now));
    must(estab_close(hosts[0], listener, now));

    while (run()) /* FIN, ACK, and TIME-WAIT to its end */
        ;
    printf("received \"%s\"; everything was over after %d s\n", text, (int)(now / ESTAB_SEC(1)));
    estab_stack_free(hosts[0]);
    estab_stack_free(hosts[1]);
    return 0;
}
