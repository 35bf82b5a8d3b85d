/* SPDX-License-Identifier: MIT */
/* See host.h. The driver copies a packet once, as one with a ring of frames would; what arrives is
 * lent to lwIP where it lies. */
#include "host.h"

#include "lwip/init.h"
#include "lwip/ip.h"
#include "lwip/netif.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "wire/checksum.h"

#include <string.h>

#define FRAMES 32768u
#define FRAME 1536u
#define BATCH_MAX 64u
#define TICK_MS 250u

static uint8_t memory[FRAMES][FRAME];
static uint16_t length[FRAMES];
/* The frames that wait, as a ring of their numbers; the free ones, of which that used last goes first,
 * so that it still lies in the cache; and those that output() has given out. */
static uint16_t waiting[FRAMES], unused[FRAMES], out[BATCH_MAX];
static unsigned head, tail, free_frames, out_frames;
static struct netif interface;
static enum role role;
static bool copies;
static uint32_t now_ms, ticked_ms;
static uint64_t counted, established;
static uint8_t buffer[65536]; /* the user's */
static size_t buffer_at;

u16_t
bench_chksum(const void *data, int len)
{
    return csum_fold(estab_csum_add(data, (size_t)len, 0));
}

u16_t
bench_chksum_copy(void *dst, const void *src, u16_t len)
{
    return csum_fold(estab_csum_copy(dst, src, len, 0));
}

u32_t
sys_now(void)
{
    return now_ms;
}

static err_t
send_packet(struct netif *n, struct pbuf *p, const ip4_addr_t *to)
{
    unsigned at;

    (void)n;
    (void)to;
    if (free_frames == 0 || p->tot_len > FRAME)
        return ERR_MEM;
    at = unused[--free_frames];
    pbuf_copy_partial(p, memory[at], p->tot_len, 0);
    length[at] = p->tot_len;
    waiting[tail++ % FRAMES] = (uint16_t)at;
    return ERR_OK;
}

static err_t
init_interface(struct netif *n)
{
    n->output = send_packet;
    n->mtu = 1500;
    return ERR_OK;
}

static void
keep_quiet(struct pbuf *p)
{
    (void)p;
}

static void
failed(void *arg, err_t err)
{
    (void)arg;
    (void)err;
}

static err_t
arrived(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t err)
{
    static const uint8_t octet = 'x';

    (void)arg;
    (void)err;
    if (p == NULL) {
        tcp_recv(pcb, NULL);
        return tcp_close(pcb);
    }
    if (copies)
        for (struct pbuf *q = p; q != NULL; q = q->next) {
            if (buffer_at + q->len > sizeof buffer)
                buffer_at = 0;
            memcpy(buffer + buffer_at, q->payload, q->len);
            buffer_at += q->len;
        }
    tcp_recved(pcb, p->tot_len);
    counted += role == ROLE_SINK ? p->tot_len : 1;
    pbuf_free(p);
    if (role == ROLE_ANSWERS) {
        if (tcp_write(pcb, &octet, 1, TCP_WRITE_FLAG_COPY) != ERR_OK)
            abort();
        return tcp_output(pcb);
    }
    return role == ROLE_ASKS_ONCE ? tcp_close(pcb) : ERR_OK;
}

static void
begin(struct tcp_pcb *pcb)
{
    established++;
    tcp_recv(pcb, arrived);
    tcp_err(pcb, failed);
    tcp_nagle_disable(pcb);
}

static err_t
accepted(void *arg, struct tcp_pcb *pcb, err_t err)
{
    (void)arg;
    (void)err;
    begin(pcb);
    return ERR_OK;
}

static err_t
connected(void *arg, struct tcp_pcb *pcb, err_t err)
{
    static const uint8_t octet = 'x';

    (void)arg;
    (void)err;
    begin(pcb);
    if (role != ROLE_ASKS_ONCE)
        return ERR_OK;
    if (tcp_write(pcb, &octet, 1, TCP_WRITE_FLAG_COPY) != ERR_OK)
        abort();
    return tcp_output(pcb);
}

static void
host_init(uint8_t last_octet, enum role r, bool c)
{
    ip4_addr_t addr, mask, none;

    role = r;
    copies = c;
    while (free_frames < FRAMES) {
        unused[free_frames] = (uint16_t)free_frames;
        free_frames++;
    }
    IP4_ADDR(&addr, 10, 0, 0, last_octet);
    IP4_ADDR(&mask, 255, 255, 255, 0);
    IP4_ADDR(&none, 0, 0, 0, 0);
    lwip_init();
    netif_add(&interface, &addr, &mask, &none, NULL, init_interface, ip_input);
    netif_set_default(&interface);
    netif_set_up(&interface);
    netif_set_link_up(&interface);
}

static void
host_listen(uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();

    if (pcb == NULL || tcp_bind(pcb, IP_ADDR_ANY, port) != ERR_OK ||
        (pcb = tcp_listen(pcb)) == NULL)
        abort();
    tcp_accept(pcb, accepted);
}

static void *
host_connect(uint8_t last_octet, uint16_t port)
{
    struct tcp_pcb *pcb = tcp_new();
    ip_addr_t to;

    IP_ADDR4(&to, 10, 0, 0, last_octet);
    if (pcb == NULL || tcp_connect(pcb, &to, port, connected) != ERR_OK)
        return NULL;
    return pcb;
}

static size_t
host_send(void *conn, const void *data, size_t len)
{
    struct tcp_pcb *pcb = conn;
    size_t n = tcp_sndbuf(pcb);

    n = n < len ? n : len;
    n = n < UINT16_MAX ? n : UINT16_MAX;
    if (n == 0 || tcp_write(pcb, data, (u16_t)n, copies ? TCP_WRITE_FLAG_COPY : 0) != ERR_OK)
        n = 0;
    (void)tcp_output(pcb);
    return n;
}

static size_t
host_output(struct frame *frames, size_t n)
{
    while (out_frames > 0)
        unused[free_frames++] = out[--out_frames];
    while (out_frames < n && out_frames < BATCH_MAX && head != tail) {
        unsigned at = waiting[head++ % FRAMES];

        frames[out_frames] = (struct frame){ memory[at], length[at] };
        out[out_frames++] = (uint16_t)at;
    }
    return out_frames;
}

static void
host_input(const struct frame *frames, size_t n)
{
    static struct pbuf_custom lent[BATCH_MAX];

    for (size_t i = 0; i < n; i++) {
        struct pbuf *p;

        lent[i].custom_free_function = keep_quiet;
        p = pbuf_alloced_custom(PBUF_RAW, (u16_t)frames[i].len, PBUF_REF, &lent[i], frames[i].data,
                                (u16_t)frames[i].len);
        if (interface.input(p, &interface) != ERR_OK)
            pbuf_free(p);
    }
}

static void
host_now(uint32_t ms)
{
    now_ms = ms;
    while (now_ms - ticked_ms >= TICK_MS) {
        ticked_ms += TICK_MS;
        tcp_tmr();
    }
}

static uint64_t
host_counted(void)
{
    return counted;
}

static uint64_t
host_established(void)
{
    return established;
}

extern __attribute__((visibility("default"))) const struct lwip_host bench_lwip_host;
const struct lwip_host bench_lwip_host = {
    .init = host_init,
    .listen = host_listen,
    .connect = host_connect,
    .send = host_send,
    .output = host_output,
    .input = host_input,
    .now = host_now,
    .counted = host_counted,
    .established = host_established,
};
