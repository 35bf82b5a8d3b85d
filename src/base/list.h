/* SPDX-License-Identifier: MIT */
/* Doubly linked lists through a member of the records: joining and leaving cost O(1). */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct link {
    struct link *next, *prev; /* NULL: in no list */
};

static inline void
list_init(struct link *head)
{
    head->next = head->prev = head;
}

static inline bool
list_is_empty(const struct link *head)
{
    return head->next == head;
}

static inline void
list_append(struct link *head, struct link *l)
{
    l->next = head;
    l->prev = head->prev;
    head->prev->next = l;
    head->prev = l;
}

static inline void
list_remove(struct link *l)
{
    l->next->prev = l->prev;
    l->prev->next = l->next;
    l->next = l->prev = NULL;
}

#define CONTAINER(ptr, type, member) ((type *)(void *)((uint8_t *)(ptr)-offsetof(type, member)))

#endif
