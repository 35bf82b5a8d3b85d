/* SPDX-License-Identifier: MIT */
/*
 * The HTTP server; see http_server.h. serve() takes a connection as far as it can go without
 * waiting and leaves it in the queue of what it then waits for; every event calls it again.
 */
#include "cli/http_server.h"
#include "cli/http_answer.h"
#include "estab/estab.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum {
    HEAD_MAX = 8192,    /* octets of a request's head */
    BODY_MAX = 1 << 20, /* octets of a body that we would rather read away than refuse */
    SEND_STEP = 256 * 1024,
};

struct http_conn {
    estab_conn conn;
    struct http_conn *previous, *next; /* in its queue; `next` among the dead */
    estab_time since;                  /* it waits */
    uint8_t wait;                      /* enum http_wait */
    bool queued;
    bool closing;  /* no further request is served */
    bool fin_sent; /* our side is closed; what still arrives is thrown away */
    bool dead;
    size_t scanned;   /* octets of an incomplete head already looked at */
    uint64_t discard; /* octets of a request's body still to throw away */
    char *text;       /* of the answer, not yet in the send buffer */
    size_t text_len, text_sent;
    int fd; /* of the answer's file; -1: none */
    uint64_t offset, left;
};

/* --- waiting --- */

static const estab_time patience[HTTP_WAITS] = {
    [HTTP_WAIT_HEAD] = ESTAB_SEC(10),
    [HTTP_WAIT_IDLE] = ESTAB_SEC(60),
    [HTTP_WAIT_SEND] = ESTAB_SEC(60),
    [HTTP_WAIT_END] = ESTAB_SEC(2),
};

static void patience_over(void *ctx, estab_time now);

static void
leave_queue(struct http_server *server, struct http_conn *c)
{
    struct http_queue *q = &server->waiting[c->wait];

    if (!c->queued)
        return;
    if (c->previous != NULL)
        c->previous->next = c->next;
    else
        q->first = c->next;
    if (c->next != NULL)
        c->next->previous = c->previous;
    else
        q->last = c->previous;
    c->queued = false;
}

/* Every queue has one patience, so it is in order of the deadlines without sorting. */
static void
wait_for(struct http_server *server, struct http_conn *c, enum http_wait wait, estab_time now)
{
    struct http_queue *q = &server->waiting[wait];

    leave_queue(server, c);
    c->wait = (uint8_t)wait;
    c->since = now;
    c->next = NULL;
    c->previous = q->last;
    if (q->last != NULL)
        q->last->next = c;
    else
        q->first = c;
    q->last = c;
    c->queued = true;
    if (!server->alarm.listed || now + patience[wait] < server->alarm.at)
        estab_loop_set_alarm(server->loop, &server->alarm, now + patience[wait], patience_over,
                             server);
}

/* Waiting that is not restarted by less than what is waited for. */
static void
keep_waiting_for(struct http_server *server, struct http_conn *c, enum http_wait wait,
                 estab_time now)
{
    if (!c->queued || c->wait != wait)
        wait_for(server, c, wait, now);
}

/* --- the end of a connection --- */

static void
drop_answer(struct http_conn *c)
{
    free(c->text);
    c->text = NULL;
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
    c->left = 0;
}

static void
bury(struct http_server *server, struct http_conn *c)
{
    leave_queue(server, c);
    drop_answer(c);
    c->dead = true;
    c->next = server->dead;
    server->dead = c;
    server->connections--;
}

static void
close_conn(struct http_server *server, struct http_conn *c, estab_time now)
{
    (void)!estab_close(server->stack, c->conn, now);
    bury(server, c);
}

static void
abort_conn(struct http_server *server, struct http_conn *c, estab_time now)
{
    (void)!estab_abort(server->stack, c->conn, now);
    bury(server, c);
}

/* --- answering --- */

static void serve(struct http_server *server, struct http_conn *c, estab_time now);

/* The memory budget is spent and this connection has nothing on its way whose ACK would wake it:
 * try again soon, when others have given some back. */
static void
retry_starved(void *ctx, estab_time now)
{
    struct http_server *server = ctx;
    struct http_conn *last = server->waiting[HTTP_WAIT_SEND].last, *next;

    for (struct http_conn *c = server->waiting[HTTP_WAIT_SEND].first; c != NULL; c = next) {
        next = c != last ? c->next : NULL;
        serve(server, c, now);
    }
}

static bool
must_wait(struct http_server *server, ptrdiff_t error, estab_time now)
{
    if (error == -ESTAB_ENOMEM)
        estab_loop_set_alarm(server->loop, &server->retry, now + ESTAB_MS(50), retry_starved,
                             server);
    return error == -ESTAB_EAGAIN || error == -ESTAB_ENOMEM;
}

/* 1: the answer is in the send buffer; 0: no room now; -1: the connection is gone. */
static int
push_text(struct http_server *server, struct http_conn *c, estab_time now)
{
    while (c->text_sent < c->text_len) {
        ptrdiff_t n = estab_send(server->stack, c->conn, c->text + c->text_sent,
                                 c->text_len - c->text_sent, now);

        if (n < 0)
            return must_wait(server, n, now) ? 0 : -1;
        c->text_sent += (size_t)n;
        wait_for(server, c, HTTP_WAIT_SEND, now);
    }
    free(c->text);
    c->text = NULL;
    return 1;
}

static int
push_file(struct http_server *server, struct http_conn *c, estab_time now)
{
    struct estab_span spans[2];

    while (c->left > 0) {
        size_t want = c->left < SEND_STEP ? (size_t)c->left : SEND_STEP;
        ptrdiff_t room = estab_reserve(server->stack, c->conn, want, spans);
        struct iovec vec[2];
        ssize_t n;

        if (room < 0)
            return must_wait(server, room, now) ? 0 : -1;
        vec[0] = (struct iovec){ spans[0].data, spans[0].len < want ? spans[0].len : want };
        want -= vec[0].iov_len;
        vec[1] = (struct iovec){ spans[1].data, spans[1].len < want ? spans[1].len : want };
        n = preadv(c->fd, vec, vec[1].iov_len > 0 ? 2 : 1, (off_t)c->offset);
        /* The file became shorter, or cannot be read: the length was promised, so only a RST tells
         * the client the truth. */
        if (n <= 0 || estab_commit(server->stack, c->conn, (size_t)n, now) < 0)
            return -1;
        c->offset += (uint64_t)n;
        c->left -= (uint64_t)n;
        wait_for(server, c, HTTP_WAIT_SEND, now);
    }
    return 1;
}

static int
push_answer(struct http_server *server, struct http_conn *c, estab_time now)
{
    int result = 1;

    if (c->text != NULL)
        result = push_text(server, c, now);
    if (result == 1 && c->fd >= 0)
        result = push_file(server, c, now);
    if (result == 1)
        drop_answer(c);
    return result;
}

/* One line for each answer: what came from outside is made harmless. */
static void
log_answer(const struct http_server *server, const struct http_conn *c,
           const struct http_request *request, const struct http_answer *answer)
{
    struct estab_status status = { 0 };
    char peer[ESTAB_ADDR_TEXT], asked[200], date[40];
    time_t t = time(NULL);
    struct text parts[2] = { request->method, request->target };
    struct tm tm;
    size_t n = 0;

    if (server->quiet)
        return;
    for (size_t p = 0; p < 2; p++) {
        for (size_t i = 0; i < parts[p].len && n < sizeof asked - 2; i++) {
            char ch = parts[p].at[i];

            asked[n++] = '?';
            if (ch > ' ' && ch < 0x7f && ch != '"' && ch != '\\')
                asked[n - 1] = ch;
        }
        if (p == 0)
            asked[n++] = ' ';
    }
    asked[n] = '\0';
    (void)!estab_status(server->stack, c->conn, &status);
    gmtime_r(&t, &tm);
    strftime(date, sizeof date, "%d/%b/%Y:%H:%M:%S +0000", &tm);
    fprintf(stderr, "%s - - [%s] \"%s\" %u %llu\n", estab_addr_format(&status.remote.addr, peer),
            date, asked, answer->status,
            (unsigned long long)(request->head_only ? 0 : answer->body));
}

static void
take_answer(struct http_server *server, struct http_conn *c, const struct http_request *request,
            struct http_answer *answer, estab_time now)
{
    server->requests++;
    log_answer(server, c, request, answer);
    c->text = answer->text;
    c->text_len = answer->len;
    c->text_sent = 0;
    c->fd = answer->fd;
    c->offset = answer->offset;
    c->left = answer->left;
    if (answer->text == NULL)
        abort_conn(server, c, now);
    else
        wait_for(server, c, HTTP_WAIT_SEND, now);
}

static void
refuse(struct http_server *server, struct http_conn *c, const struct http_request *request,
       unsigned status, estab_time now)
{
    struct http_answer answer = estab_http_refusal(status, request->head_only);

    c->closing = true;
    take_answer(server, c, request, &answer, now);
}

/* --- reading --- */

/* 1: go on; 0: wait; -1: gone. */
static int
discard_body(struct http_server *server, struct http_conn *c, estab_time now)
{
    struct estab_span spans[2];

    while (c->discard > 0 || c->fin_sent) {
        ptrdiff_t there = estab_peek(server->stack, c->conn, spans);
        size_t n;

        if (there == -ESTAB_EAGAIN)
            return 0;
        if (there <= 0)
            return -1;
        n = (size_t)there;
        if (!c->fin_sent && n > c->discard)
            n = (size_t)c->discard;
        if (estab_consume(server->stack, c->conn, n, now) < 0)
            return -1;
        c->discard -= c->fin_sent ? 0 : n;
    }
    return 1;
}

static bool
has_peer_closed(const struct http_server *server, const struct http_conn *c)
{
    struct estab_status status;

    if (estab_status(server->stack, c->conn, &status) < 0)
        return true;
    return status.state != ESTAB_TCPS_ESTABLISHED && status.state != ESTAB_TCPS_SYN_RECEIVED &&
           status.state != ESTAB_TCPS_FIN_WAIT_1 && status.state != ESTAB_TCPS_FIN_WAIT_2;
}

/* RFC 9112 §2.2: an empty line or two before a request are forgiven. */
static size_t
leading_blank(const char *head, size_t len)
{
    size_t n = 0;

    while (n < len && n < 4 && (head[n] == '\r' || head[n] == '\n'))
        n++;
    return n;
}

/* An incomplete head: wait for the rest, unless it cannot come or is already too long. */
static int
wait_for_head(struct http_server *server, struct http_conn *c, const char *head, size_t len,
              estab_time now)
{
    struct http_request nothing = { 0 };

    if (len >= HEAD_MAX) {
        refuse(server, c, &nothing, memchr(head, '\n', HEAD_MAX) == NULL ? 414 : 431, now);
        return 1;
    }
    if (has_peer_closed(server, c)) {
        close_conn(server, c, now);
        return -1;
    }
    c->scanned = len;
    keep_waiting_for(server, c, len > 0 ? HTTP_WAIT_HEAD : HTTP_WAIT_IDLE, now);
    return 0;
}

static int
take_request(struct http_server *server, struct http_conn *c, const char *head, size_t len,
             estab_time now)
{
    struct http_request request;
    struct http_answer answer;
    unsigned status = estab_http_request_parse(&request, head, len);

    if (status == 0 && request.body_length > BODY_MAX)
        status = 413;
    if (status != 0) {
        refuse(server, c, &request, status, now);
    } else {
        c->discard = request.body_length;
        if (!request.keep_alive || server->stopping)
            c->closing = true;
        answer = estab_http_answer(&request, server->root, !c->closing);
        /* A refusal for lack of something says that it closes. */
        if (answer.status >= 500)
            c->closing = true;
        take_answer(server, c, &request, &answer, now);
    }
    if (c->dead)
        return -1;
    c->scanned = 0;
    /* The texts of the request lie in the ring: let it go only now. */
    return estab_consume(server->stack, c->conn, len, now) < 0 ? -1 : 1;
}

/* 1: an answer is due; 0: wait; -1: gone, and buried. */
static int
read_request(struct http_server *server, struct http_conn *c, estab_time now)
{
    char joined[HEAD_MAX];
    struct estab_span spans[2];
    ptrdiff_t there = estab_peek(server->stack, c->conn, spans);
    const char *head;
    size_t len, blank, head_len;

    if (there == -ESTAB_EAGAIN) {
        keep_waiting_for(server, c,
                         c->wait == HTTP_WAIT_HEAD && c->queued ? HTTP_WAIT_HEAD : HTTP_WAIT_IDLE,
                         now);
        return 0;
    }
    if (there <= 0) {
        close_conn(server, c, now);
        return -1;
    }
    len = (size_t)there < HEAD_MAX ? (size_t)there : HEAD_MAX;
    if (len == c->scanned && !has_peer_closed(server, c))
        return 0;
    head = (const char *)spans[0].data;
    if (spans[0].len < len) {
        memcpy(joined, spans[0].data, spans[0].len);
        memcpy(joined + spans[0].len, spans[1].data, len - spans[0].len);
        head = joined;
    }
    if (c->scanned == 0) {
        blank = leading_blank(head, len);
        if (blank > 0) {
            if (estab_consume(server->stack, c->conn, blank, now) < 0)
                return -1;
            return read_request(server, c, now);
        }
    }
    head_len = estab_http_head_length(head, len, c->scanned);
    if (head_len == 0)
        return wait_for_head(server, c, head, len, now);
    return take_request(server, c, head, head_len, now);
}

/* --- the whole --- */

/* The answer was the last: our FIN follows it, and what still arrives is read away, so that the
 * RST for unread data does not overtake the answer (RFC 9112 §9.6). */
static void
say_goodbye(struct http_server *server, struct http_conn *c, estab_time now)
{
    c->fin_sent = true;
    if (estab_shutdown(server->stack, c->conn, now) < 0)
        close_conn(server, c, now);
    else
        wait_for(server, c, HTTP_WAIT_END, now);
}

static void
serve(struct http_server *server, struct http_conn *c, estab_time now)
{
    int result;

    while (!c->dead) {
        if (c->text != NULL || c->fd >= 0) {
            result = push_answer(server, c, now);
            if (result < 0)
                abort_conn(server, c, now);
            if (result <= 0)
                return;
            if (c->closing) {
                say_goodbye(server, c, now);
                continue;
            }
            wait_for(server, c, HTTP_WAIT_IDLE, now);
        }
        result = discard_body(server, c, now);
        if (result < 0)
            close_conn(server, c, now);
        if (result == 0 && !c->fin_sent)
            keep_waiting_for(server, c, HTTP_WAIT_HEAD, now);
        if (result <= 0)
            return;
        result = read_request(server, c, now);
        if (result < 0 && !c->dead)
            abort_conn(server, c, now);
        if (result <= 0)
            return;
    }
}

static void
take_time_over(struct http_server *server, struct http_conn *c, estab_time now)
{
    const struct http_request nothing = { 0 };

    switch ((enum http_wait)c->wait) {
    case HTTP_WAIT_HEAD:
        if (c->scanned > 0) {
            refuse(server, c, &nothing, 408, now);
            serve(server, c, now);
        } else {
            close_conn(server, c, now);
        }
        break;
    case HTTP_WAIT_SEND:
        abort_conn(server, c, now);
        break;
    default:
        close_conn(server, c, now);
    }
}

static void
patience_over(void *ctx, estab_time now)
{
    struct http_server *server = ctx;
    estab_time next = ESTAB_NEVER;

    for (unsigned w = 0; w < HTTP_WAITS; w++) {
        struct http_queue *q = &server->waiting[w];

        while (q->first != NULL && q->first->since + patience[w] <= now)
            take_time_over(server, q->first, now);
    }
    for (unsigned w = 0; w < HTTP_WAITS; w++) {
        const struct http_queue *q = &server->waiting[w];

        if (q->first != NULL && q->first->since + patience[w] < next)
            next = q->first->since + patience[w];
    }
    estab_loop_set_alarm(server->loop, &server->alarm, next, patience_over, server);
}

static void
accept_all(struct http_server *server, estab_time now)
{
    estab_conn conn;

    while (estab_accept(server->stack, server->listener, &conn, now) == 0) {
        struct http_conn *c = calloc(1, sizeof *c);

        if (c == NULL || estab_set_cookie(server->stack, conn, c) < 0) {
            free(c);
            (void)!estab_abort(server->stack, conn, now);
            continue;
        }
        c->conn = conn;
        c->fd = -1;
        server->connections++;
        wait_for(server, c, HTTP_WAIT_HEAD, now);
        serve(server, c, now);
    }
}

void
estab_http_server_event(struct http_server *server, const struct estab_event *event, estab_time now)
{
    struct http_conn *c = event->cookie;

    if (server->listener != 0 && event->conn == server->listener) {
        accept_all(server, now);
        return;
    }
    if (c == NULL || c->dead || c->conn != event->conn)
        return;
    if ((event->bits & ESTAB_FAILED) != 0)
        close_conn(server, c, now);
    else
        serve(server, c, now);
}

void
estab_http_server_turn(struct http_server *server)
{
    while (server->dead != NULL) {
        struct http_conn *c = server->dead;

        server->dead = c->next;
        free(c);
    }
}

void
estab_http_server_stop(struct http_server *server, estab_time now)
{
    struct http_queue *idle[] = { &server->waiting[HTTP_WAIT_IDLE],
                                  &server->waiting[HTTP_WAIT_HEAD] };

    server->stopping = true;
    if (server->listener != 0)
        (void)!estab_close(server->stack, server->listener, now);
    server->listener = 0;
    for (size_t i = 0; i < sizeof idle / sizeof idle[0]; i++)
        while (idle[i]->first != NULL)
            close_conn(server, idle[i]->first, now);
    for (struct http_conn *c = server->waiting[HTTP_WAIT_SEND].first; c != NULL; c = c->next)
        c->closing = true;
}

void
estab_http_server_free(struct http_server *server)
{
    for (unsigned w = 0; w < HTTP_WAITS; w++)
        while (server->waiting[w].first != NULL)
            bury(server, server->waiting[w].first);
    estab_http_server_turn(server);
}
