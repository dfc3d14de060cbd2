/* A run folder whose every name tries to be markup, a header, a label or a path. */
#ifndef MP2_TESTS_SUPPORT_EVIL_RUN_H
#define MP2_TESTS_SUPPORT_EVIL_RUN_H

#define EVIL "<img src=x onerror=alert(1)>\\\"'&\\n\\\\"

static const char evil_run[] = "{\"version\":1,\"name\":\"" EVIL "\",\"run\":{\"command\":\"" EVIL
                               "\",\"state\":\"RUNNING\",\"unit\":\"" EVIL "\",\"total\":9,"
                               "\"host\":\"" EVIL "\",\"config\":\"" EVIL "\",\"tasks\":[{\"id\":\"" EVIL "\"}]}}\n"
                               "{\"version\":1,\"name\":\"" EVIL
                               "\",\"step\":{\"step\":1,\"loss\":1,\"groups\":[{\"task\":\"" EVIL "\",\"loss\":2}]}}\n"
                               "{\"version\":1,\"name\":\"" EVIL "\",\"task\":{\"task\":\"" EVIL "\",\"loss\":1}}\n"
                               "{\"version\":1,\"name\":\"" EVIL "\",\"worker\":{\"rank\":1,\"host\":\"" EVIL
                               "\",\"reason\":\"" EVIL "\"}}\n"
                               "{\"version\":1,\"name\":\"" EVIL "\",\"event\":{\"tag\":\"" EVIL "\",\"text\":\"" EVIL
                               "\"}}\n";

#endif
