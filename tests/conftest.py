"""For every test: the signals that end a process are not ignored, however the suite itself was started."""

import signal

# A shell starts what runs in the background with these ignored, and whatever the tests start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
for _number in (signal.SIGQUIT, signal.SIGHUP):
    signal.signal(_number, signal.SIG_DFL)
