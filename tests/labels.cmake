# Tests that take more than 10 s of two cores.
set(SLOW_TESTS)
# Tests that measure a rate, count what happens in a time, or give a browser or Prometheus so many seconds.
set(TIMED_TESTS cluster/watch/test_publish worker/model/test_matmul_rate system/monitor_browser system/monitor_prometheus
    system/report_browser)
