/* SPDX-License-Identifier: MIT */
/*
 * The client of the demo: asks for the document, checks its length and its CRC-32, closes first
 * and waits for the server to close too. See demo_web.h.
 */
#include "cli/demo_web.h"

#include <stdio.h>
#include <string.h>

static void
fail(struct demo_client *c)
{
    c->has_failed = true;
    estab_loop_stop(c->loop);
}

/* The server's own idea of the sum, eight hexadecimal digits. */
static void
learn_crc(struct demo_client *c, size_t head_len)
{
    struct text rest = { c->head, head_len }, line;
    struct http_field field;

    c->has_crc_told = false;
    if (!estab_http_next_line(&rest, &line))
        return;
    while (estab_http_next_line(&rest, &line) && line.len > 0) {
        if (!estab_http_parse_field(line, &field) ||
            !estab_text_is_nocase(field.name, "x-crc-32") || field.value.len != 8)
            continue;
        c->crc_told = 0;
        c->has_crc_told = true;
        for (size_t i = 0; i < 8; i++) {
            const char *digits = "0123456789abcdef";
            const char *at = memchr(digits, field.value.at[i], 16);

            if (at == NULL)
                c->has_crc_told = false;
            else
                c->crc_told = c->crc_told << 4 | (uint32_t)(at - digits);
        }
    }
}

static int
take_head(struct demo_client *c, size_t head_len)
{
    if (estab_http_response_parse(&c->response, c->head, head_len, &c->failure) < 0)
        return -1;
    if (c->response.status != 200)
        return estab_fail(&c->failure, "the server answered %u", c->response.status);
    learn_crc(c, head_len);
    estab_http_body_start(&c->body, &c->response);
    c->has_head = true;
    return 0;
}

static int
take_body(struct demo_client *c, const char *data, size_t len)
{
    while (len > 0 && !c->body.done) {
        const char *text;
        size_t text_len;
        ptrdiff_t used = estab_http_body_next(&c->body, data, len, &text, &text_len, &c->failure);

        if (used < 0)
            return -1;
        if (used == 0)
            break;
        c->crc = estab_demo_crc(c->crc, text, text_len);
        data += used;
        len -= (size_t)used;
    }
    return 0;
}

static int
take(struct demo_client *c, const char *data, size_t len)
{
    while (len > 0 && !c->has_head) {
        size_t before = c->head_len, room = sizeof c->head - before;
        size_t part = len < room ? len : room, head_len, used;

        memcpy(c->head + before, data, part);
        c->head_len += part;
        head_len = estab_http_head_length(c->head, c->head_len, 0);
        if (head_len == 0 && c->head_len == sizeof c->head)
            return estab_fail(&c->failure, "the response's head is too long");
        if (head_len > 0 && take_head(c, head_len) < 0)
            return -1;
        used = head_len > 0 ? head_len - before : part;
        data += used;
        len -= used;
    }
    return c->has_head ? take_body(c, data, len) : 0;
}

/* The whole document is there: say that we have nothing more to send. */
static int
check_and_close(struct demo_client *c, estab_time now)
{
    int error;

    if (!c->has_crc_told || c->crc != c->crc_told)
        return estab_fail(&c->failure, "CRC-32 %08x, but %08x was expected", (unsigned)c->crc,
                          c->has_crc_told ? (unsigned)c->crc_told : 0u);
    c->is_whole = true;
    error = estab_shutdown(c->stack, c->conn, now);
    return error < 0 ? estab_fail(&c->failure, "cannot close: %s", estab_err_text(error)) : 0;
}

static int
receive(struct demo_client *c, estab_time now)
{
    char data[16 * 1024];
    ptrdiff_t n;

    while ((n = estab_receive(c->stack, c->conn, data, sizeof data, now)) > 0) {
        if (c->is_whole)
            return estab_fail(&c->failure, "the server sent more than the document");
        if (take(c, data, (size_t)n) < 0)
            return -1;
        if (c->has_head && c->body.done && check_and_close(c, now) < 0)
            return -1;
    }
    if (n == -ESTAB_EAGAIN)
        return 0;
    if (n < 0)
        return estab_fail(&c->failure, "receiving failed: %s", estab_err_text((int)n));
    if (!c->is_whole)
        return estab_fail(&c->failure, "the server closed before the document was whole");
    if (!c->is_released) {
        c->is_released = true;
        (void)!estab_close(c->stack, c->conn, now);
    }
    return 0;
}

static void
send_request(struct demo_client *c, estab_time now)
{
    ptrdiff_t n;

    while (c->request_sent < c->request_len) {
        n = estab_send(c->stack, c->conn, c->request + c->request_sent,
                       c->request_len - c->request_sent, now);
        if (n <= 0)
            return;
        c->request_sent += (size_t)n;
    }
}

int
estab_demo_client_start(struct demo_client *c, estab_time now, struct failure *why)
{
    char where[ESTAB_ENDPOINT_TEXT];
    int n, error;

    n = snprintf(c->request, sizeof c->request,
                 "GET /demo.txt HTTP/1.1\r\nHost: %s\r\nUser-Agent: estab/" ESTAB_VERSION
                 "\r\n\r\n",
                 estab_endpoint_format(&c->server, where));
    c->request_len = (size_t)n;
    error = estab_connect(c->stack, NULL, &c->server, NULL, &c->conn, now);
    return error < 0 ? estab_fail(why, "cannot connect: %s", estab_err_text(error)) : 0;
}

void
estab_demo_client_events(void *ctx, const struct estab_event *event, estab_time now)
{
    struct demo_client *c = ctx;
    struct estab_status status;

    if (event->conn != c->conn || c->is_released || c->has_failed)
        return;
    if (event->bits & ESTAB_FAILED) {
        if (estab_status(c->stack, c->conn, &status) < 0)
            status.error = -ESTAB_EBADF;
        (void)estab_fail(&c->failure, "the connection failed: %s", estab_err_text(status.error));
        fail(c);
        return;
    }
    if (event->bits & (ESTAB_CONNECTED | ESTAB_WRITABLE))
        send_request(c, now);
    if (receive(c, now) < 0)
        fail(c);
}
