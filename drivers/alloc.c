/* SPDX-License-Identifier: MIT */
/* Memory for a stack; see alloc.h. */
#include "drivers/alloc.h"

#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/* From this size on whole pages are mapped; the library's slabs are at least as large. */
#define MAP_FROM ((size_t)64 * 1024)

static size_t
page_size(void)
{
    long size = sysconf(_SC_PAGESIZE);

    return size > 0 ? (size_t)size : 4096;
}

static size_t
round_up(size_t size, size_t to)
{
    return (size + to - 1) & ~(to - 1);
}

/* mmap(2) aligns to a page only: map more than asked for, then cut off both ends. */
static void *
map_aligned(size_t size, size_t align)
{
    size_t page = page_size();
    size_t len = round_up(size, page);
    size_t extra = align > page ? align - page : 0;
    uint8_t *start, *aligned;
    void *p;

    if (len < size || len > SIZE_MAX - extra)
        return NULL;
    p = mmap(NULL, len + extra, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return NULL;
    start = p;
    aligned = start + (round_up((size_t)(uintptr_t)start, align) - (size_t)(uintptr_t)start);
    if (aligned > start)
        munmap(start, (size_t)(aligned - start));
    if (aligned + len < start + len + extra)
        munmap(aligned + len, (size_t)(start + extra - aligned));
    return aligned;
}

static void *
get(void *ctx, size_t size, size_t align)
{
    (void)ctx;
    if (align < sizeof(void *))
        align = sizeof(void *);
    if (size >= MAP_FROM)
        return map_aligned(size, align);
    return aligned_alloc(align, round_up(size > 0 ? size : 1, align));
}

static void
put(void *ctx, void *ptr, size_t size)
{
    (void)ctx;
    if (size >= MAP_FROM)
        munmap(ptr, round_up(size, page_size()));
    else
        free(ptr);
}

struct estab_alloc
estab_alloc_system(void)
{
    return (struct estab_alloc){ .get = get, .put = put, .ctx = NULL };
}
