/* SPDX-License-Identifier: MIT */
/*
 * The two ends of the demo's document: a server on the kernel's sockets in a child process, a
 * server on an estab host, and the client on an estab host that checks what it gets.
 */
#ifndef ESTAB_CLI_DEMO_WEB_H
#define ESTAB_CLI_DEMO_WEB_H

#include "cli/http_response.h"
#include "drivers/failure.h"
#include "drivers/loop.h"
#include "estab/estab.h"

#include <sys/types.h>

/* The document: lines of text, the same for the same size. */
struct demo_document {
    int fd; /* a file without a name; -1: none */
    size_t size;
    uint32_t crc;
};

int estab_demo_document_make(struct demo_document *doc, size_t size, struct failure *why);
void estab_demo_document_close(struct demo_document *doc);
/* CRC-32 (ISO/IEC 8802-3); start with 0. */
uint32_t estab_demo_crc(uint32_t crc, const void *data, size_t len);

/* How long a server thinks between the client's FIN and its own. */
enum { DEMO_THINK_MS = 60 };

/* A child that serves the document once, on the kernel's sockets, at `at`. It is killed when this
 * process ends. Its pid, or -1 and why. End it with estab_netns_end(). */
pid_t estab_demo_kernel_server(const struct demo_document *doc, const struct estab_endpoint *at,
                               struct failure *why);

/* The same on an estab host. Zeroed at first; its fields are its own. */
struct demo_server {
    struct loop *loop;
    struct estab_stack *stack;
    const struct demo_document *doc;
    estab_conn listener, conn;
    struct loop_alarm think;
    char head[512]; /* the request, then the response's head */
    size_t head_len, head_sent, sent;
    bool has_request;
};
int estab_demo_server_start(struct demo_server *server, const struct estab_endpoint *at,
                            estab_time now, struct failure *why);
void estab_demo_server_events(void *ctx, const struct estab_event *event, estab_time now);

/* The client. Zeroed at first; loop, stack and server's endpoint set by the caller. */
struct demo_client {
    struct loop *loop;
    struct estab_stack *stack;
    struct estab_endpoint server;
    estab_conn conn;
    char request[256];
    size_t request_len, request_sent;
    char head[4096];
    size_t head_len;
    bool has_head, is_whole, is_released;
    struct http_response response;
    struct http_body body;
    uint32_t crc, crc_told;
    bool has_crc_told;
    struct failure failure; /* why it is not, when is_whole is false at the end */
    bool has_failed;
};
int estab_demo_client_start(struct demo_client *client, estab_time now, struct failure *why);
void estab_demo_client_events(void *ctx, const struct estab_event *event, estab_time now);

#endif
