/* SPDX-License-Identifier: MIT */
/* The compiler and the machine, as lwIP asks for them. */
#ifndef BENCH_LWIP_CC_H
#define BENCH_LWIP_CC_H

#include <endian.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define LWIP_PLATFORM_DIAG(x) ((void)0)
#define LWIP_PLATFORM_ASSERT(x) abort()
#define LWIP_RAND() ((uint32_t)rand())

#endif
