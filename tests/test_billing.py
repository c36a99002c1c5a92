"""What a session costs, case by case; after each, the bill is computed again from its receipt alone."""

import re
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import floor
from typing import Any

import pytest

from chat import agents, errors, store, verify
from chat.runtime import Runtime
from chat.settings import from_environment
from tests.story import Story

# name = what the last session comes to (the reasons of its intervals, where they matter)
#     settings; steps: the second, what happens (a method below), to whom or with what
CASES = """
0 s = 0 s, 0 min, 0.00
    0 talk; 0 end
0.999 s = 0 s, 0 min, 0.00
    0 talk; 0.999 end
1 s = 1 s, 1 min, 2.50
    0 talk; 1 end
59 s = 59 s, 1 min, 2.50
    0 talk; 59 end
60 s = 60 s, 1 min, 2.50
    0 talk; 60 end
60.999 s = 60 s, 1 min, 2.50
    0 talk; 60.999 end
61 s = 61 s, 2 min, 5.00
    0 talk; 61 end
119 s = 119 s, 2 min, 5.00
    0 talk; 119 end
120 s = 120 s, 2 min, 5.00
    0 talk; 120 end
121 s = 121 s, 3 min, 7.50
    0 talk; 121 end
five minutes at 2.50 = 300 s, 5 min, 12.50 (active)
    0 talk; 150 say client; 300 end
301 s = 301 s, 6 min, 15.00 (active)
    0 talk; 150 say client; 301 end

accepted without a word = 0 s, 0 min, 0.00 ()
    0 met; 100 end
accepted, and only the client writes = 0 s, 0 min, 0.00 ()
    0 met; 50 say client; 100 end
ended before the agent's first message = 0 s, 0 min, 0.00 ()
    0 met; 30 say client; 40 end agent
the clock waits for the agent's first message = 60 s, 1 min, 2.50 (active)
    0 met; 30 say agent; 90 end
the agent's word before accepting starts no clock = 0 s, 0 min, 0.00 ()
    0 ask; 5 say agent; 10 accept; 70 end
first message in a pause = 60 s, 1 min, 2.50 (paused_by_client active)
    0 met; 10 pause client; 20 say agent; 50 resume client; 110 end
billing starts at accept = 61 s, 2 min, 5.00 (active)
    billing_starts=accept; 0 met; 61 end
billing starts at accept, a message changes nothing = 61 s, 2 min, 5.00
    billing_starts=accept; 0 met; 30 say agent; 61 end
declined = 0 s, 0 min, 0.00 ()
    0 ask; 30 decline; 40 shows end_reason declined
cancelled = 0 s, 0 min, 0.00 ()
    0 ask; 30 cancel; 40 shows end_reason cancelled
ended while it waits = 0 s, 0 min, 0.00 ()
    0 ask; 30 end; 40 shows end_reason cancelled
expired = 0 s, 0 min, 0.00 ()
    0 ask; 119 shows status waiting; 120 shows end_reason expired
too late to accept = 0 s, 0 min, 0.00 ()
    0 ask; 121 refused SessionEnded accept
declined where billing starts at accept = 0 s, 0 min, 0.00 ()
    billing_starts=accept; 0 ask; 30 decline

a rate of nothing = 150 s, 3 min, 0.00 (active)
    0 rate anna 0; 0 talk; 150 end
a rate of one cent = 150 s, 3 min, 0.03
    0 rate anna 1; 0 talk; 150 end
the rate is the one that was shown = 61 s, 2 min, 5.00
    0 ask; 5 rate anna 400; 9 accept; 9 say agent; 70 end
a rate raised beyond all measure = 61 s, 2 min, 5.00
    0 ask; 5 rate anna 99999999; 9 accept; 9 say agent; 70 end
the rate has fallen by the accept = 61 s, 2 min, 2.00
    0 ask; 5 rate anna 100; 9 accept; 9 say agent; 70 end
it has fallen, and risen again = 61 s, 2 min, 5.00
    0 ask; 5 rate anna 100; 6 rate anna 400; 9 accept; 9 say agent; 70 end
the client was shown another rate = 0 s, 0 min, 0.00
    0 rate anna 400; 0 refused RateChanged ask anna none 250; 0 ask anna none 400; 10 cancel
the client was shown a higher rate = 61 s, 2 min, 5.00
    0 ask anna none 400; 9 rate anna 400; 9 accept; 9 say agent; 70 end
a new rate is for the next session = 150 s, 3 min, 7.50
    0 talk; 30 rate anna 999; 150 end
a new rate is for the next session, pause or not = 61 s, 2 min, 5.00
    0 talk; 30 rate anna 999; 40 pause client; 50 resume client; 71 end
any agent, at their own rate = 61 s, 2 min, 2.00
    0 ask any none 250; 5 accept ben; 5 say agent; 66 end
any agent, at the maximum = 61 s, 2 min, 5.00
    0 ask any none 250; 5 accept dora; 5 say agent; 66 end
any agent for nothing = 61 s, 2 min, 0.00
    0 ask any none 0; 5 accept dora; 5 say agent; 66 end
any agent, handed over at no more than their own rate = 146 s, 3 min, 4.50
    0 ask any none 400; 5 accept ben; 5 say agent; 66 transfer anna; 70 shows rate_per_minute 1.00;
    80 refused OfferChanged agree anna 400; 90 answer yes; 90 say agent; 151 end

shorter than the free seconds = 59 s, 0 min, 0.00 (active)
    free_seconds=60; 0 talk; 59 end
as long as the free seconds = 60 s, 0 min, 0.00 (active)
    free_seconds=60; 0 talk; 60 end
one second more than the free ones = 61 s, 1 min, 2.50 (active)
    free_seconds=60; 0 talk; 61 end
a minute more than the free seconds = 120 s, 1 min, 2.50 (active)
    free_seconds=60; 0 talk; 120 end
a minute and a second more than the free ones = 121 s, 2 min, 5.00 (active)
    free_seconds=60; 0 talk; 121 end
free seconds that are no whole minute = 91 s, 2 min, 5.00 (active)
    free_seconds=30; 0 talk; 91 end
a pause uses no free seconds = 60 s, 0 min, 0.00 (active paused_by_client active)
    free_seconds=60; 0 talk; 40 pause client; 100 resume client; 120 end
the same pair again is not free = 30 s, 1 min, 2.50
    free_seconds=60; 0 talk; 70 end; 80 talk; 110 end
nor when the first left some = 30 s, 1 min, 2.50
    free_seconds=60; 0 talk; 1 end; 80 talk; 110 end
another agent is free = 30 s, 0 min, 0.00
    free_seconds=60; 0 talk; 70 end; 80 talk cora; 110 end
another client is free = 30 s, 0 min, 0.00
    free_seconds=60; 0 talk; 70 end; 80 turn other; 80 talk; 110 end
one that never ran uses no free seconds = 60 s, 0 min, 0.00
    free_seconds=60; 0 met; 20 end; 30 talk; 90 end
a cancelled one uses no free seconds = 60 s, 0 min, 0.00
    free_seconds=60; 0 ask; 20 cancel; 30 talk; 90 end
transferred within the free seconds = 91 s, 1 min, 1.00 (active transfer active)
    free_seconds=60; 0 talk; 30 transfer ben; 40 say agent; 101 end
a transfer gives no free seconds back = 61 s, 2 min, 5.00
    free_seconds=60; 0 talk; 70 transfer ben; 70 say agent; 80 end; 90 talk; 151 end
one that ran for less than a second uses no free seconds = 60 s, 0 min, 0.00
    free_seconds=60; 0 talk; 0.9 end; 30 talk; 90 end
one whose clock started while the client was gone uses none = 60 s, 0 min, 0.00
    free_seconds=60; 0 met; 5 leave client; 20 say agent; 100 end agent; 110 talk; 170 end
transferred before it ran, it takes its free seconds along = 61 s, 1 min, 1.00
    free_seconds=60; 0 met; 10 transfer ben; 20 say agent; 81 end
a transfer does not use up the next agent's free seconds = 60 s, 0 min, 0.00
    free_seconds=60; 0 talk; 10 transfer ben; 10 say agent; 70 end; 80 talk ben; 140 end
nor while that session is open = 60 s, 0 min, 0.00
    free_seconds=60; 0 talk; 10 transfer ben; 10 say agent; 20 ask any; 20 accept ben; 20 say agent; 80 end
but those of the agent who accepted are used = 60 s, 1 min, 2.50
    free_seconds=60; 0 met; 10 transfer ben; 10 say agent; 20 end; 30 talk; 90 end

paused by the client = 120 s, 2 min, 5.00 (active paused_by_client active)
    0 talk; 60 pause client; 120 resume client; 180 end
paused by the agent = 121 s, 3 min, 7.50 (active paused_by_agent active)
    0 talk; 60 pause agent; 120 resume agent; 181 end
paused several times, by both = 61 s, 2 min, 5.00
    0 talk; 20 pause client; 50 resume client; 60 pause agent; 90 resume agent; 95 pause client;
    100 resume client; 126 end
the agent cannot resume the client's pause = 60 s, 1 min, 2.50 (active paused_by_client)
    0 talk; 60 pause client; 70 refused Forbidden resume agent; 80 shows is_clock_running False; 100 end
the client cannot resume the agent's pause = 60 s, 1 min, 2.50 (active paused_by_agent)
    0 talk; 60 pause agent; 70 refused Forbidden resume client; 80 shows is_clock_running False; 100 end
pausing twice is pausing once = 120 s, 2 min, 5.00 (active paused_by_client active)
    0 talk; 60 pause client; 70 pause client; 75 refused WrongStatus pause agent; 80 resume client; 140 end
resuming twice is resuming once = 60 s, 1 min, 2.50 (active paused_by_client active)
    0 talk; 30 pause client; 60 resume client; 70 resume client; 90 end
talk in a pause is free = 60 s, 1 min, 2.50 (active paused_by_client)
    0 talk; 60 pause client; 70 say client; 80 say agent; 150 end agent
three messages of each side in a pause, and no more = 60 s, 1 min, 2.50 (active paused_by_client)
    0 talk; 60 pause client; 61 say client; 62 say client; 63 say client; 64 refused SessionPaused say client;
    65 say agent; 66 say agent; 67 say agent; 68 refused SessionPaused say agent; 90 end
each pause has its own = 80 s, 2 min, 5.00
    0 talk; 60 pause agent; 61 say agent; 62 say agent; 63 say agent; 64 refused SessionPaused say agent;
    70 resume agent; 80 say agent; 90 pause agent; 91 say agent; 150 end
nor more at the limit = 60 s, 1 min, 2.50 (active spending_limit)
    0 talk anna 250; 61 say client; 62 say client; 63 say client; 64 refused SessionPaused say client; 90 end
nor with an empty balance = 60 s, 1 min, 2.50 (active balance)
    prepaid=1; 0 top_up 250; 0 talk; 61 say agent; 62 say agent; 63 say agent;
    64 refused SessionPaused say agent; 90 end
none in a pause = 60 s, 1 min, 2.50 (active paused_by_client)
    paused_messages=0; 0 talk; 60 pause client; 61 refused SessionPaused say client; 90 end
silence is ended by a message, however many came before = 361 s, 7 min, 17.50
    paused_messages=0; 0 talk; 500 say client; 561 end
a pause of hours = 120 s, 2 min, 5.00
    0 talk; 60 pause agent; 9060 resume agent; 9120 end
a pause that nobody ends ends the session = 60 s, 1 min, 2.50 (active paused_by_client)
    0 talk; 60 pause client; 86459 shows status paused; 86460 shows end_reason inactive

the client goes, and comes back with a message = 120 s, 2 min, 5.00 (active client_absent active)
    0 talk; 60 leave client; 200 say client; 260 end
the client goes, and comes back with a request = 121 s, 3 min, 7.50 (active client_absent active)
    0 talk; 60 leave client; 200 come client; 261 end
the agent goes, and comes back with a message = 120 s, 2 min, 5.00 (active agent_absent active)
    0 talk; 60 leave agent; 200 say agent; 260 end
the agent goes, and comes back with a request = 120 s, 2 min, 5.00 (active agent_absent active)
    0 talk; 60 leave agent; 200 come agent; 260 end
the client goes for good = 60 s, 1 min, 2.50 (active client_absent)
    0 talk; 60 leave client; 200 end agent
the agent goes for good = 60 s, 1 min, 2.50 (active agent_absent)
    0 talk; 60 leave agent; 200 end client
both go, and come back = 90 s, 2 min, 5.00 (active client_absent agent_absent active)
    0 talk; 60 leave client; 80 leave agent; 200 come client; 220 shows pause_reason agent_absent;
    300 come agent; 330 end
both go, and nobody comes back for a day = 60 s, 1 min, 2.50
    0 talk; 60 leave client; 60 leave agent; 90000 shows end_reason inactive
44 s away is no absence = 120 s, 2 min, 5.00 (active)
    0 talk; 60 leave client; 104 come client; 120 end
44 s away is none for the agent = 121 s, 3 min, 7.50 (active)
    0 talk; 60 leave agent; 104 say agent; 121 end
46 s away is an absence = 75 s, 2 min, 5.00 (active client_absent active)
    0 talk; 60 leave client; 106 come client; 121 end
two times 44 s away = 120 s, 2 min, 5.00 (active)
    0 talk; 10 leave client; 54 come client; 60 leave client; 104 come client; 120 end
an absence reaches back to the last sign of life = 58 s, 1 min, 2.50 (active client_absent)
    0 talk; 58 leave client; 102 shows billed_minutes 2; 104 shows billed_minutes 1; 200 end agent
a request before anybody noticed the absence = 120 s, 2 min, 5.00 (active client_absent active)
    0 talk; 60 leave client; 200 poll client; 260 end
a request to another agent before anybody noticed = 120 s, 2 min, 5.00 (active client_absent active)
    0 talk; 60 leave client; 200 ask ben; 200 cancel; 200 ask anna; 260 end
the clock starts while the client is gone already = 0 s, 0 min, 0.00
    0 ask; 0 accept; 5 leave client; 20 say agent; 100 end agent
an empty balance is not turned into another pause = 60 s, 1 min, 2.50 (active balance)
    prepaid=1; 0 top_up 250; 0 talk; 100 refused WrongStatus pause agent; 200 end
resumed while the other is gone = 120 s, 2 min, 5.00 (active paused_by_agent client_absent active)
    0 talk; 60 pause agent; 70 leave client; 200 resume agent; 250 come client; 310 end
away in a pause, and back in time = 120 s, 2 min, 5.00 (active paused_by_agent active)
    0 talk; 60 pause agent; 70 leave client; 120 come client; 130 resume agent; 190 end

a client who comes and goes pays the 45 s but once = 135 s, 3 min, 7.50
    0 talk; 0 leave client; 47 come client; 47 say client; 47 say agent; 47 leave client; 94 come client;
    94 say client; 94 say agent; 94 leave client; 141 come client; 141 say client; 141 say agent;
    141 leave client; 188 come client; 188 end
gone again too soon = 145 s, 3 min, 7.50 (active client_absent active client_absent)
    0 talk; 60 leave client; 200 come client; 240 leave client; 400 end agent
the clock ran for 300 s since the last absence = 315 s, 6 min, 15.00
    0 talk; 60 leave client; 200 come client; 300 say client; 455 leave client; 600 end agent
the clock ran for less than 300 s since the last absence = 359 s, 6 min, 15.00
    0 talk; 60 leave client; 200 come client; 300 say client; 454 leave client; 600 end agent
a pause makes nobody steady = 125 s, 3 min, 7.50
    0 talk; 60 leave client; 200 come client; 210 pause client; 810 resume client; 820 leave client;
    900 end agent
a transfer makes nobody steady = 125 s, 3 min, 4.50
    0 talk; 60 leave client; 200 come client; 200 transfer ben; 200 say agent; 220 leave client; 400 end agent
gone again too soon, and the agent pauses = 80 s, 2 min, 5.00
    0 talk; 60 leave client; 200 come client; 200 leave client; 220 pause agent; 400 end agent
gone again too soon, and the agent goes too = 70 s, 2 min, 5.00
    0 talk; 60 leave client; 200 come client; 200 leave client; 210 leave agent; 400 end agent
gone again too soon, and an outage = 80 s, 2 min, 5.00
    0 talk; 60 leave client; 200 come client; 200 leave client; 220 crash; 300 boot; 500 end agent
gone for 45 s to the millisecond is gone = 0 s, 0 min, 0.00
    0 talk; 0 leave agent; 44 say client; 45 say agent; 45 end
the agent's absence takes back in full, however often = 90 s, 2 min, 5.00
    0 talk; 60 leave agent; 200 come agent; 220 leave agent; 400 come agent; 410 end
an absence that the balance comes before = 120 s, 2 min, 5.00
    prepaid=1; 0 top_up 500; 0 talk; 60 leave client; 200 come client; 230 leave client; 900 end agent;
    900 shows balance 0.00
always steady = 0 s, 0 min, 0.00
    steady_seconds=0; 0 talk; 0 leave client; 47 come client; 47 leave client; 94 come client; 94 end

an outage of a second = 60 s, 1 min, 2.50 (active outage active)
    0 talk; 40 crash; 41 boot; 61 end
an outage of 5 s = 60 s, 1 min, 2.50 (active outage active)
    0 talk; 40 crash; 45 boot; 65 end
an outage of 5 s, and who is gone since before it = 30 s, 1 min, 2.50
    0 talk; 30 leave client; 40 crash; 45 boot; 120 end agent
an outage of 5 s, and who comes back in time = 85 s, 2 min, 5.00 (active outage active)
    0 talk; 30 leave client; 40 crash; 45 boot; 80 come client; 90 end
an outage of 5 s in a silence = 305 s, 6 min, 15.00
    0 talk; 100 crash; 105 boot; 200 say client; 310 end
an outage of 5 s, prepaid = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 500; 0 talk; 58 crash; 63 boot; 65 end; 65 shows balance 2.50
an outage, two sessions on one balance, and nobody has looked yet = 60 s, 1 min, 2.50 (active outage active)
    prepaid=1; 0 top_up 1500; 0 talk dora; 0 talk; 50 leave client; 50 leave agent; 58 crash; 63 start;
    63 shows status active; 63 turn_to dora; 63 shows status active; 63 end; 63 turn_to anna; 65 end;
    65 shows balance 8.50
an outage of 29 s = 91 s, 2 min, 5.00 (active outage active)
    0 talk; 60 crash; 89 boot; 120 end
another server takes over, and none was down = 120 s, 2 min, 5.00 (active)
    0 talk; 60 boot; 61 boot; 120 end
an outage of 31 s = 120 s, 2 min, 5.00 (active outage active)
    0 talk; 60 crash; 91 boot; 151 end
an outage of an hour = 121 s, 3 min, 7.50 (active outage active)
    0 talk; 60 crash; 3660 boot; 3721 end
two outages = 120 s, 2 min, 5.00
    0 talk; 60 crash; 100 boot; 120 crash; 160 boot; 200 end
ended in the first moment after an outage = 60 s, 1 min, 2.50
    0 talk; 60 crash; 3660 boot; 3660 end
the agent stays away after an outage = 120 s, 2 min, 5.00
    0 talk; 60 crash; 120 leave agent; 3660 boot; 3700 say agent; 3760 end
away already before the outage = 120 s, 2 min, 5.00
    0 talk; 50 leave client; 60 crash; 120 boot; 200 come client; 270 end
an outage, and the last sign of life is older = 120 s, 2 min, 5.00 (active outage active)
    0 talk; 50 leave client; 60 crash; 120 boot; 120 come client; 180 end
an outage, and who had gone long before = 30 s, 1 min, 2.50 (active client_absent)
    0 talk; 30 leave client; 78 crash; 3660 boot; 3800 end agent
an outage, and who had gone before a pause = 50 s, 1 min, 2.50 (active client_absent paused_by_agent)
    0 talk; 50 leave client; 55 pause agent; 60 crash; 3660 boot; 3800 end agent
an outage, and who comes back in time after a pause = 55 s, 1 min, 2.50 (active paused_by_agent)
    0 talk; 20 leave client; 55 pause agent; 60 crash; 3660 boot; 3700 come client; 3800 end agent
an outage in a pause = 120 s, 2 min, 5.00 (active paused_by_client active)
    0 talk; 60 pause client; 70 crash; 3670 boot; 3680 resume client; 3740 end
an hour's outage before the session's first heartbeat = 60 s, 1 min, 2.50
    0 crash; 4 talk; 3604 boot; 3664 end
40 s of outage before the session's first heartbeat = 60 s, 1 min, 2.50
    0 crash; 4 talk; 44 boot; 104 end
a reboot = 120 s, 2 min, 5.00 (active outage active)
    0 talk; 60 crash; 160 boot another; 220 end

the wall clock goes ahead, and a process starts = 120 s, 2 min, 5.00 (active)
    0 talk; 60 wall 3600; 70 boot; 120 end
the wall clock goes back, and a process starts = 121 s, 3 min, 7.50 (active)
    0 talk; 60 wall -3600; 70 boot; 121 end
the wall clock goes ahead and back = 60 s, 1 min, 2.50 (active)
    0 talk; 20 wall 3600; 30 boot; 40 wall -7200; 50 boot; 60 end
the wall clock goes ahead over a reboot = 120 s, 2 min, 5.00 (active outage active)
    0 talk; 60 crash; 60 wall 3600; 100 boot another; 160 end
the wall clock goes back over a reboot = 120 s, 2 min, 5.00
    0 talk; 60 crash; 60 wall -3600; 100 boot another; 160 end
the wall clock goes ahead in a pause = 120 s, 2 min, 5.00 (active paused_by_client active)
    0 talk; 60 pause client; 70 crash; 70 wall 3600; 100 boot; 110 resume client; 170 end
the wall clock goes back in a pause = 120 s, 2 min, 5.00 (active paused_by_client active)
    0 talk; 60 pause client; 70 crash; 70 wall -3600; 100 boot; 110 resume client; 170 end
the wall clock goes back in a silence = 360 s, 6 min, 15.00 (active inactive active)
    0 talk; 310 crash; 310 wall -3600; 320 boot; 330 say client; 390 end
the wall clock goes back in an absence = 120 s, 2 min, 5.00 (active client_absent active)
    0 talk; 60 leave client; 120 sweep; 120 crash; 120 wall -3600; 130 boot; 140 say client; 200 end
the wall clock goes back over a reboot before the first heartbeat = 0 s, 0 min, 0.00
    0 crash; 4 talk; 4 wall -3600; 6 boot another; 6 end
the wall clock goes back over a reboot after one of two came back = 120 s, 2 min, 5.00
    0 talk; 60 leave client; 60 leave agent; 200 sweep; 200 crash; 203 come client; 203 wall -3600;
    203 boot another; 204 come agent; 264 end

a limit stops the clock at its boundary = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 0 limit 500; 250 shows status paused; 250 end
a limit from the start = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk anna 500; 119 shows status active; 120 shows pause_reason spending_limit; 200 end
a limit between two minutes = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 0 limit 749; 250 end
warned two minutes and one minute before the limit = 180 s, 3 min, 7.50
    0 talk; 0 limit 750; 59 sweep; 59 shows warned_seconds None; 60 sweep; 60 shows warned_seconds 120;
    60 shows seconds_left 120; 119 sweep; 119 shows warned_seconds 120; 120 sweep;
    120 shows warned_seconds 60; 120 shows seconds_left 60; 200 end
a limit raised after it was reached = 180 s, 3 min, 7.50 (active spending_limit active)
    0 talk; 0 limit 500; 200 limit 1000; 260 end
a limit raised before it is reached = 180 s, 3 min, 7.50 (active)
    0 talk; 0 limit 500; 100 limit 1000; 180 end
a limit lifted = 220 s, 4 min, 10.00 (active spending_limit active)
    0 talk; 0 limit 500; 150 limit none; 250 end
a limit below one minute is refused = 60 s, 1 min, 2.50 (active spending_limit)
    0 refused InvalidParameter ask anna 249; 0 ask anna 250; 0 refused InvalidParameter limit 249; 1 accept;
    1 refused InvalidParameter limit 0; 1 say agent; 1 refused InvalidParameter limit 249; 1 limit 250;
    100 end
a limit below the minimum charge is refused = 62 s, 2 min, 5.01 (active)
    minimum_charge=501; 0 refused InvalidParameter ask anna 500; 0 talk anna 501;
    0 refused InvalidParameter limit 500; 61 limit 501; 62 end
a limit below one minute at the most that any agent may take = 0 s, 0 min, 0.00
    0 refused InvalidParameter ask any 399 400; 0 ask any 400 400; 1 refused InvalidParameter limit 399;
    2 cancel
a limit below a minute that is asked for in the free seconds = 90 s, 1 min, 2.50 (active)
    free_seconds=60; 0 talk anna 1; 30 limit 2; 30 limit 250; 90 refused InvalidParameter limit 2; 90 end
a limit below one minute, and free seconds = 60 s, 0 min, 0.00 (active spending_limit)
    free_seconds=60; 0 talk; 0 limit 249; 100 end
a limit of nothing = 90 s, 2 min, 0.00 (active)
    0 refused InvalidParameter ask anna 0; 0 talk zoe 0; 90 end
a limit, and free seconds = 180 s, 2 min, 5.00 (active spending_limit)
    free_seconds=60; 0 talk; 0 limit 500; 250 end
no limit stops a rate of nothing = 90 s, 2 min, 0.00 (active)
    0 rate anna 0; 0 talk anna 0; 90 end
a limit is never below what it costs already = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 70 refused InvalidParameter limit 499; 70 limit 500; 250 end
no going on at the limit without raising it = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 0 limit 500; 150 refused SpendingLimitReached resume client;
    160 refused Forbidden resume agent; 170 say client; 250 end
a limit that stays reached ends it = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 0 limit 500; 1019 shows status paused; 1020 shows end_reason spending_limit
a receipt read before anybody noticed the limit = 120 s, 2 min, 5.00 (active spending_limit)
    0 talk; 0 limit 500; 250 agrees; 250 end
a receipt read before anybody noticed the absence = 60 s, 1 min, 2.50 (active client_absent)
    0 talk; 60 leave client; 250 agrees; 250 end agent

free minutes, then an agent with a rate = 65 s, 2 min, 0.00 (active transfer active)
    prepaid=1; 0 top_up 1000; 0 rate ben 0; 0 talk ben; 62 transfer anna; 62 answer yes; 70 say agent; 73 end;
    73 shows balance 10.00
many free minutes, then an agent with a rate = 260 s, 5 min, 2.50
    prepaid=1; 0 top_up 1000; 0 rate ben 0; 0 talk ben; 150 say client; 200 transfer anna; 200 answer yes;
    200 say agent; 260 end; 260 shows balance 7.50
a rate, then free minutes, then a rate = 184 s, 4 min, 5.00
    prepaid=1; 0 top_up 1000; 0 rate ben 0; 0 talk; 59 transfer ben; 59 say agent; 122 transfer anna;
    122 answer yes; 122 say agent; 181 sweep; 181 shows balance 5.00; 184 end; 184 shows balance 5.00
free minutes within the free seconds = 61 s, 1 min, 2.50
    prepaid=1; free_seconds=60; 0 top_up 1000; 0 rate ben 0; 0 talk ben; 40 transfer anna; 40 answer yes;
    40 say agent; 61 end; 61 shows balance 7.50

the client had gone before the silence = 290 s, 5 min, 12.50 (active client_absent client_absent)
    0 talk; 290 leave client; 400 end agent
the client had gone before the silence, and comes back = 310 s, 6 min, 15.00
    0 talk; 290 leave client; 400 come client; 420 end
the client had gone before the silence, and the agent wrote = 290 s, 5 min, 12.50
    0 talk; 290 leave client; 310 sweep; 320 say agent; 400 end agent
the agent had gone before the silence = 290 s, 5 min, 12.50 (active agent_absent agent_absent)
    0 talk; 290 leave agent; 400 end
the client had gone before the limit = 110 s, 2 min, 5.00 (active client_absent client_absent)
    0 talk; 0 limit 500; 110 leave client; 130 shows pause_reason spending_limit; 200 shows total_cost 5.00;
    200 end agent
the client had gone before the limit, by more than a minute's end = 115 s, 2 min, 5.00
    0 talk; 0 limit 750; 115 leave client; 155 sweep; 155 shows billed_minutes 3; 160 sweep;
    160 shows billed_minutes 2; 300 end agent
the client had gone before the limit, and comes back = 120 s, 2 min, 5.00
    0 talk; 0 limit 500; 90 leave client; 130 sweep; 200 come client; 230 end
the client had gone before the balance was empty = 110 s, 2 min, 5.00 (active client_absent client_absent)
    prepaid=1; 0 top_up 500; 0 talk; 110 leave client; 130 sweep; 300 end agent; 300 shows balance 0.00
the client had gone before the balance was empty, by a minute = 95 s, 2 min, 5.00
    prepaid=1; 0 top_up 750; 0 talk; 95 leave client; 139 sweep; 139 shows balance 0.00; 300 end agent;
    300 shows balance 2.50
the client had gone before the agent's pause = 60 s, 1 min, 2.50 (active client_absent paused_by_agent)
    0 talk; 60 leave client; 90 pause agent; 200 end agent
the client had gone before the agent's pause, and comes back = 120 s, 2 min, 5.00
    0 talk; 60 leave client; 90 pause agent; 150 come client; 200 resume agent; 260 end
the client comes back within 45 s of the agent's pause = 90 s, 2 min, 5.00 (active paused_by_agent)
    0 talk; 60 leave client; 90 pause agent; 104 come client; 200 end
the agent had gone before the client's pause = 60 s, 1 min, 2.50 (active agent_absent paused_by_client)
    0 talk; 60 leave agent; 104 pause client; 200 end
gone before a pause and after it = 60 s, 1 min, 2.50 (active client_absent paused_by_agent client_absent)
    0 talk; 60 leave client; 70 pause agent; 80 resume agent; 200 end agent
gone before two pauses = 60 s, 1 min, 2.50
    0 talk; 60 leave client; 70 pause agent; 80 resume agent; 90 pause agent; 200 resume agent; 300 end agent
the client had gone before the transfer = 120 s, 2 min, 3.50 (active client_absent transfer active)
    0 talk; 60 leave client; 90 transfer ben; 200 come client; 200 say agent; 260 end
the client had gone before the transfer, and the new agent wrote = 121 s, 3 min, 4.50
    0 talk; 60 leave client; 90 transfer ben; 95 say agent; 200 come client; 261 end
the client had gone before two transfers = 121 s, 3 min, 7.50
    0 rate dora 250; 0 talk; 50 transfer dora; 50 say agent; 60 leave client; 70 transfer ben; 70 say agent;
    80 transfer dora; 200 come client; 200 answer yes; 200 say agent; 261 end
gone before a transfer, and a minute given back = 121 s, 3 min, 4.50
    prepaid=1; 0 top_up 1000; 0 talk; 59 leave client; 80 transfer ben; 90 say agent; 99 sweep;
    99 shows balance 5.00; 200 come client; 262 end; 262 shows balance 5.50
an absence that the end comes before is none = 104 s, 2 min, 5.00 (active)
    0 talk; 60 leave client; 104 end agent
the agent who leaves it by a transfer is no longer awaited = 100 s, 2 min, 5.00 (active transfer)
    0 talk; 50 transfer dora; 60 leave anna; 100 answer yes; 200 end

silence is told at 180 s = 200 s, 4 min, 10.00 (active)
    0 talk; 179 shows is_silent False; 180 shows is_silent True; 200 end
silence pauses at 300 s = 300 s, 5 min, 12.50 (active inactive)
    0 talk; 299 shows status active; 300 shows pause_reason inactive; 500 end
silence ends at 900 s = 300 s, 5 min, 12.50 (active inactive)
    0 talk; 899 shows status paused; 900 shows end_reason inactive
silence noticed after a day = 300 s, 5 min, 12.50 (active inactive)
    0 talk; 86400 shows end_reason inactive; 86400 refused SessionEnded say client
a message ends the silence = 361 s, 7 min, 17.50 (active inactive active)
    0 talk; 500 say client; 561 end
the agent resumes after silence = 360 s, 6 min, 15.00 (active inactive active)
    0 talk; 500 resume agent; 560 end
no silence while they write = 660 s, 11 min, 27.50 (active)
    0 talk; 200 say client; 400 say agent; 600 say client; 660 end
silence after accepting = 0 s, 0 min, 0.00 ()
    0 met; 900 shows end_reason inactive

transferred to a cheaper agent = 151 s, 3 min, 6.00 (active transfer active)
    0 talk; 90 transfer ben; 120 say agent; 181 end
transferred at the same rate = 150 s, 3 min, 7.50 (active transfer active)
    0 talk; 90 transfer cora; 120 say agent; 180 end
transferred to a dearer agent, agreed = 190 s, 4 min, 11.50 (active transfer active)
    0 talk; 90 transfer dora; 100 shows rate_per_minute 2.50; 130 answer yes; 140 say agent; 200 end
transferred to a dearer agent, refused = 181 s, 4 min, 10.00 (active)
    0 talk; 90 transfer dora; 130 answer no; 140 refused NotFound say dora; 181 end
transferred to a dearer agent, no answer = 181 s, 4 min, 10.00 (active)
    0 talk; 90 transfer dora; 181 end
the client agreed to that rate and no other = 180 s, 3 min, 9.00
    0 talk; 60 transfer dora; 70 rate dora 900; 120 answer yes; 120 say agent; 180 end
the rate has fallen since it was offered = 180 s, 3 min, 8.00
    0 talk; 60 transfer dora; 70 rate dora 300; 120 answer yes; 120 say agent; 180 end
a dearer offer in the place of the one that was read = 180 s, 3 min, 7.50
    0 talk; 60 transfer dora; 70 rate dora 900; 80 transfer dora;
    90 refused OfferChanged agree dora 400; 180 end
another agent in the place of the one that was read = 180 s, 3 min, 7.50
    0 rate ben 400; 0 talk; 60 transfer dora; 70 transfer ben; 80 refused OfferChanged agree dora 400;
    180 end
agreed to nothing that is offered = 180 s, 3 min, 7.50
    0 talk; 60 refused OfferChanged agree dora 400; 180 end
agreed twice is agreed once = 180 s, 3 min, 9.00
    0 talk; 60 transfer dora; 120 agree dora 400; 120 agree dora 400; 120 say agent; 180 end
agreed to an offer that was refused = 180 s, 3 min, 7.50
    0 talk; 60 transfer dora; 70 answer no; 80 refused OfferChanged agree dora 400; 180 end
agreed to less than it costs by now = 180 s, 3 min, 9.00
    0 talk; 60 transfer dora; 120 answer yes; 120 say agent; 130 refused OfferChanged agree dora 399; 180 end
the new agent never writes = 90 s, 2 min, 5.00 (active transfer)
    0 talk; 90 transfer ben; 150 say client; 250 end
transferred as a minute ends = 120 s, 2 min, 3.50
    0 talk; 60 transfer ben; 60 say agent; 120 end
transferred as a minute has begun = 121 s, 3 min, 6.00
    0 talk; 61 transfer ben; 61 say agent; 121 end
transferred within a minute's first second = 120 s, 2 min, 3.50
    0 talk; 60.5 transfer ben; 60.5 say agent; 120 end
transferred there and back = 161 s, 3 min, 6.00
    0 talk; 30 transfer ben; 40 say agent; 110 transfer anna; 110 answer yes; 120 say agent; 181 end
transferred in a pause = 120 s, 2 min, 3.50
    0 talk; 60 pause client; 70 transfer ben; 80 say agent; 90 resume client; 150 end
handed on before a word = 60 s, 1 min, 2.50 (active transfer)
    0 talk; 60 transfer ben; 70 transfer cora; 75 answer yes; 80 agrees; 140 end
transferred before the clock started = 61 s, 2 min, 2.00 (active)
    0 met; 10 transfer ben; 20 say agent; 81 end
transferred where billing starts at accept = 121 s, 3 min, 4.50
    billing_starts=accept; 0 met; 60 transfer ben; 121 end
transferred at the limit = 120 s, 2 min, 5.00
    0 talk; 0 limit 500; 70 transfer ben; 80 say agent; 250 end
transferred with a limit that pays for one more = 180 s, 3 min, 6.00
    0 talk; 0 limit 650; 70 transfer ben; 80 say agent; 250 end
transferred while the client is away = 121 s, 3 min, 4.50
    0 talk; 60 leave client; 120 transfer ben; 130 say agent; 140 come client; 201 end

debited in each minute's first second = 90 s, 2 min, 5.00 (active)
    prepaid=1; 0 top_up 1000; 0 talk; 0.999 sweep; 0.999 shows balance 10.00; 1 sweep; 1 shows balance 7.50;
    60.999 sweep; 60.999 shows balance 7.50; 61 sweep; 61 shows balance 5.00; 90 end; 90 shows balance 5.00
debited at the end at the latest = 121 s, 3 min, 7.50
    prepaid=1; 0 top_up 1000; 0 talk; 121 end; 121 shows balance 2.50
an empty balance stops the clock at the boundary = 120 s, 2 min, 5.00 (active balance)
    prepaid=1; 0 top_up 600; 0 talk; 250 shows pause_reason balance; 250 end; 250 shows balance 1.00
nothing paid, nothing asked = 0 s, 0 min, 0.00
    prepaid=1; 0 refused InsufficientBalance ask; 0 top_up 249; 0 refused InsufficientBalance ask;
    0 top_up 1; 0 ask; 10 cancel; 10 shows balance 2.50
nothing paid, and any agent = 0 s, 0 min, 0.00
    prepaid=1; 0 top_up 250; 0 refused InsufficientBalance ask any none 251; 0 ask any none 250; 10 cancel
nothing left at accept = 0 s, 0 min, 0.00 (balance)
    prepaid=1; 0 top_up 250; 0 ask; 0 pay_back 250; 5 accept; 5 shows pause_reason balance; 10 say agent;
    20 shows clock_started_at None; 90 end; 90 shows balance 0.00
nothing left at accept, where that starts the clock = 0 s, 0 min, 0.00 (balance)
    prepaid=1; billing_starts=accept; 0 top_up 250; 0 ask; 0 pay_back 250; 5 accept;
    5 shows pause_reason balance; 90 end
topped up after the accept = 60 s, 1 min, 2.50 (balance active)
    prepaid=1; 0 top_up 250; 0 ask; 0 pay_back 250; 5 accept; 10 say agent; 20 top_up 250; 30 resume client;
    90 end
nothing left at accept, and nobody tops it up = 0 s, 0 min, 0.00 ()
    prepaid=1; 0 top_up 250; 0 ask; 0 pay_back 250; 5 accept; 904 shows status paused;
    905 shows end_reason spending_limit
handed over to whom the balance cannot pay for a minute = 0 s, 0 min, 0.00 (balance)
    prepaid=1; 0 top_up 250; 0 met; 5 transfer dora; 10 answer yes; 10 shows pause_reason balance;
    20 say agent; 30 shows clock_started_at None; 90 end
handed over with nothing left = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 250; 0 talk; 60 transfer cora; 61 shows pause_reason balance; 90 end
nothing paid, and free seconds = 60 s, 0 min, 0.00 (active balance)
    prepaid=1; free_seconds=60; 0 talk; 90 end
nothing paid, and no free seconds left = 60 s, 0 min, 0.00
    prepaid=1; free_seconds=60; 0 talk; 90 end; 100 refused InsufficientBalance ask
topped up and resumed = 121 s, 3 min, 7.50 (active balance active)
    prepaid=1; 0 top_up 250; 0 talk; 100 sweep; 100 refused InsufficientBalance resume client;
    110 refused Forbidden resume agent; 120 top_up 500; 130 resume client; 191 end; 191 shows balance 0.00
topped up in time = 179 s, 3 min, 7.50 (active)
    prepaid=1; 0 top_up 250; 0 talk; 50 top_up 500; 179 end
topped up before anybody noticed it was empty = 121 s, 3 min, 7.50 (active balance active)
    prepaid=1; 0 top_up 250; 0 talk; 100 shows status paused; 110 top_up 500; 120 shows status paused;
    130 resume client; 191 end
empty for too long = 60 s, 1 min, 2.50 (active balance)
    prepaid=1; 0 top_up 250; 0 talk; 960 shows end_reason spending_limit
an absence gives a minute back = 58 s, 1 min, 2.50 (active client_absent)
    prepaid=1; 0 top_up 1000; 0 talk; 58 leave client; 62 sweep; 62 shows balance 5.00; 200 end agent;
    200 shows balance 7.50
a minute begun twice is paid once = 78 s, 2 min, 5.00
    prepaid=1; 0 top_up 1000; 0 talk; 58 leave client; 62 sweep; 200 come client; 210 sweep;
    210 shows balance 5.00; 220 end; 220 shows balance 5.00
a minute begun again with a cheaper agent = 98 s, 2 min, 3.50
    prepaid=1; 0 top_up 1000; 0 talk; 58 leave client; 62 sweep; 110 transfer ben; 120 say agent;
    130 come client; 170 end; 170 shows balance 6.50
a minute begun again with a dearer agent = 108 s, 2 min, 6.50
    prepaid=1; 0 top_up 1000; 0 talk; 58 leave client; 62 sweep; 110 transfer dora; 120 answer yes;
    120 say agent; 170 end; 170 shows balance 3.50
debited at the new agent's rate = 181 s, 4 min, 7.00
    prepaid=1; 0 top_up 1000; 0 talk; 90 transfer ben; 100 say agent; 191 end; 191 shows balance 3.00
the limit comes before the balance = 120 s, 2 min, 5.00 (active spending_limit)
    prepaid=1; 0 top_up 1000; 0 talk anna 500; 250 shows pause_reason spending_limit; 250 end
the balance comes before the limit = 120 s, 2 min, 5.00 (active balance)
    prepaid=1; 0 top_up 500; 0 talk anna 1000; 250 shows pause_reason balance; 250 end
a balance, and free seconds = 180 s, 2 min, 5.00 (active balance)
    prepaid=1; free_seconds=60; 0 top_up 500; 0 talk; 60 sweep; 60 shows balance 5.00; 61 sweep;
    61 shows balance 2.50; 250 end; 250 shows balance 0.00
a balance, and a rate of nothing = 100 s, 2 min, 0.00 (active)
    prepaid=1; 0 rate anna 0; 0 talk; 100 end

60/1, within the first minute = 3 s, 1 min, 2.50
    next_increment_seconds=1; 0 talk; 3 end
60/1, a second more = 61 s, 2 min, 2.54
    next_increment_seconds=1; 0 talk; 61 end
60/1, two seconds more = 62 s, 2 min, 2.58
    next_increment_seconds=1; 0 talk; 62 end
1/1 = 7 s, 1 min, 0.29
    first_increment_seconds=1; next_increment_seconds=1; 0 talk; 7 end
1/1, less than half a cent = 2 s, 1 min, 0.00
    first_increment_seconds=1; next_increment_seconds=1; 0 rate anna 14; 0 talk; 2 end
1/1, half a cent = 2 s, 1 min, 0.01
    first_increment_seconds=1; next_increment_seconds=1; 0 rate anna 15; 0 talk; 2 end
1/1, five minutes and 0.9 s = 300 s, 5 min, 12.50
    first_increment_seconds=1; next_increment_seconds=1; 0 talk; 150 say client; 300.9 end
360/360 = 1 s, 6 min, 15.00
    first_increment_seconds=360; next_increment_seconds=360; 0 talk; 1 end
360/360, a second more = 361 s, 12 min, 30.00
    first_increment_seconds=360; next_increment_seconds=360; 0 talk; 200 say client; 361 end
30/6, after free seconds = 102 s, 1 min, 1.75
    first_increment_seconds=30; next_increment_seconds=6; free_seconds=60; 0 talk; 102 end
1/1, transferred: rounded once = 14 s, 1 min, 0.41
    first_increment_seconds=1; next_increment_seconds=1; 0 talk; 7 transfer ben; 7 say agent; 14 end
60/1, transferred within the first = 62 s, 2 min, 2.53
    next_increment_seconds=1; 0 talk; 7 transfer ben; 7 say agent; 62 end
1/1, a limit = 24 s, 1 min, 1.00 (active spending_limit)
    first_increment_seconds=1; next_increment_seconds=1; 0 talk; 0 limit 100; 90 end
60/1, a limit = 84 s, 2 min, 3.50 (active spending_limit)
    next_increment_seconds=1; 0 talk; 0 limit 350; 200 end
360/360, a limit below the first is refused = 90 s, 6 min, 15.00
    first_increment_seconds=360; next_increment_seconds=360; 0 refused InvalidParameter ask anna 1499;
    0 talk anna 1500; 90 end
1/1, prepaid: taken ahead, and given back = 61 s, 2 min, 2.54
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 1000; 0 talk; 1 sweep;
    1 shows balance 7.50; 60 sweep; 60 shows balance 7.50; 61 sweep; 61 shows balance 5.00; 61 end;
    61 shows balance 7.46
1/1, prepaid: what was taken ahead is given back at a transfer = 13 s, 1 min, 0.39 (active transfer active)
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 1000; 0 talk; 1 sweep;
    1 shows balance 7.50; 7 transfer ben; 7 shows balance 9.71; 20 say agent; 26 end; 26 shows balance 9.61
1/1, prepaid, and the last cent of it = 72 s, 2 min, 3.00 (active balance)
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 300; 0 talk; 61 sweep;
    61 shows balance 0.00; 100 end; 100 shows balance 0.00
1/1, prepaid, and topped up = 84 s, 2 min, 3.50 (active balance active balance)
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 300; 0 talk; 80 sweep;
    80 top_up 50; 90 resume client; 200 end; 200 shows balance 0.00
1/1, prepaid, no more is taken than the limit = 24 s, 1 min, 1.00
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 1000; 0 talk; 0 limit 100;
    10 sweep; 10 shows balance 9.00; 90 end; 90 shows balance 9.00
1/1, prepaid, and the balance ends with the second that a raised limit pays for = 60 s, 1 min, 2.50
    prepaid=1; first_increment_seconds=1; next_increment_seconds=1; 0 top_up 250; 0 talk anna 249;
    59 limit none; 70 end; 70 shows balance 0.00
360/360, prepaid = 400 s, 12 min, 30.00
    prepaid=1; first_increment_seconds=360; next_increment_seconds=360; 0 top_up 5000; 0 talk; 1 sweep;
    1 shows balance 35.00; 200 say client; 400 end; 400 shows balance 20.00
a minimum charge = 20 s, 1 min, 5.00
    minimum_charge=500; 0 talk; 20 end
a minimum charge that is reached = 121 s, 3 min, 7.50
    minimum_charge=500; 0 talk; 121 end
no minimum charge for nothing = 0 s, 0 min, 0.00
    minimum_charge=500; 0 met; 20 end
nor at a rate of nothing = 90 s, 2 min, 0.00
    minimum_charge=500; 0 rate anna 0; 0 talk; 90 end
nor within the free seconds = 60 s, 0 min, 0.00
    minimum_charge=500; free_seconds=60; 0 talk; 60 end
a minimum charge, once for all agents = 90 s, 2 min, 5.00
    minimum_charge=500; 0 talk; 40 transfer ben; 50 say agent; 100 end
a limit above the minimum charge = 180 s, 3 min, 7.50 (active spending_limit)
    minimum_charge=500; 0 talk; 0 limit 999; 250 end
a minimum charge, prepaid = 121 s, 3 min, 7.50
    prepaid=1; minimum_charge=500; 0 top_up 1000; 0 talk; 1 sweep; 1 shows balance 5.00; 120 sweep;
    120 shows balance 5.00; 121 end; 121 shows balance 2.50
a balance below the minimum charge = 0 s, 0 min, 0.00
    prepaid=1; minimum_charge=500; 0 top_up 499; 0 refused InsufficientBalance ask; 0 top_up 1; 0 ask;
    1 pay_back 1; 2 accept; 2 say agent; 90 end; 90 shows balance 4.99

a minute is whose it is when its first second is complete = 61 s, 2 min, 3.50
    0 talk; 60.085 transfer ben; 60.085 say agent; 61 end
and not when it has begun by the clock = 61 s, 2 min, 5.00
    0 talk; 61 transfer ben; 61 say agent; 61.9 end
parts of seconds add up = 62 s, 2 min, 5.00
    0 talk; 20.9 pause client; 30 resume client; 50.9 pause client; 60 resume client; 80.9 end
a top-up just before the pause ends leaves time to go on = 180 s, 3 min, 7.50
    prepaid=1; 0 top_up 250; 0 talk; 70 sweep; 959 top_up 500; 961 shows status paused; 1100 resume client;
    1220 end; 1220 shows balance 0.00
and no more than before = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 250; 0 talk; 70 sweep; 959 top_up 500; 1858 shows status paused;
    1859 shows status ended
a top-up that does not pay for a minute leaves none = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 250; 0 talk; 70 sweep; 959 top_up 249; 960 shows end_reason spending_limit
a top-up after the pause has ended = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 250; 0 talk; 70 sweep; 961 top_up 500; 961 shows end_reason spending_limit;
    961 refused SessionEnded resume client; 962 shows balance 5.00
two sessions on one balance, as each takes its minutes = 120 s, 2 min, 5.00
    prepaid=1; 0 top_up 1500; 0 talk dora; 0 talk; 400 sweep; 400 shows balance 2.00;
    400 shows pause_reason balance; 400 end
1/1, a limit is not exceeded by half a cent = 10 s, 1 min, 0.05 (active spending_limit)
    first_increment_seconds=1; next_increment_seconds=1; 0 rate anna 30; 0 talk anna 5; 100 end
1/1, a limit pays for what is rounded down to it = 1 s, 1 min, 0.04 (active spending_limit)
    first_increment_seconds=1; next_increment_seconds=1; 0 talk anna 4; 100 end
a limit after a minute for nothing = 120 s, 2 min, 2.50 (active transfer active spending_limit)
    0 talk zoe; 30 transfer anna; 30 answer yes; 31 say agent; 32 refused InvalidParameter limit 249;
    32 limit 250; 400 end
what is left of the free seconds is told = 90 s, 1 min, 2.50
    free_seconds=60; 0 talk; 20 shows free_seconds_left 40; 61 shows free_seconds_left 0; 90 end
two sessions on one balance = 60 s, 1 min, 2.50
    prepaid=1; 0 top_up 750; 0 talk cora; 0 talk; 20 sweep; 70 sweep; 250 end; 250 shows balance 0.00
"""
CASE = re.compile(r"(.+) = (\d+) s, (\d+) min, (\d+)\.(\d\d)(?: \((.*)\))?\n((?: .+\n)+)")
CASES_BY_NAME = {match[1]: match.groups()[1:] for match in CASE.finditer(CASES)}


class Told(Story):
    """One that is written down; its steps have the names of methods."""

    def play(self, steps: list[str]) -> None:
        for second, verb, *words in map(str.split, steps):
            self.at(float(second))
            self.do(verb, words)

    def do(self, verb: str, words: list[str]) -> None:
        values = {"yes": True, "no": False, "none": None}
        getattr(self, verb)(*(values.get(word, int(word) if word.isdigit() else word) for word in words))

    def met(self, *asked: Any) -> None:
        self.ask(*asked)
        self.accept()

    def talk(self, *asked: Any) -> None:
        """With the agent's first message the clock starts."""
        self.met(*asked)
        self.say("agent")

    def rate(self, agent: str, cents: int) -> None:
        agents.change(self.runtime, self.people[agent], None, cents)

    def turn(self, client: str) -> None:
        self.client = client

    def turn_to(self, agent: str) -> None:
        """The conversation with them."""
        for self.id in self.asked:  # noqa: B020
            if self.read()["agent"]["name"] == agent:
                break

    def leave(self, side: str) -> None:
        self.away.add(self.user(side).name)

    def come(self, side: str) -> None:
        """Back, long after the sweeper has noticed the absence."""
        self.sweep()
        self.poll(side)

    def crash(self) -> None:
        self.is_down = True

    def wall(self, seconds: str | int) -> None:
        """Somebody sets the machine's clock."""
        self.wall_ms += int(seconds) * 1000

    def refused(self, error: str, verb: str, *words: Any) -> None:
        with pytest.raises(getattr(errors, error)):
            getattr(self, verb)(*words)

    def shows(self, name: str, value: Any) -> None:
        row = self.runtime.database.read(lambda db: store.sessions.by_id(db, self.id))
        known = {"balance": self.balance(), **row, **self.read()}
        assert str(known[name]) == str(value), f"{name} at {self.ms} ms"

    def agrees(self) -> None:
        agrees(self)


@pytest.fixture(scope="module")
def runtime_of(tmp_path_factory):
    """A runtime for each choice of settings, which its stories share; in the end `verify` finds nothing."""
    opened = []

    @cache
    def runtime_of(*settings: str) -> Runtime:
        path = tmp_path_factory.mktemp("bills") / "chat.db"
        environment = {
            f"CHAT_{name.upper()}": value for name, value in (each.split("=") for each in settings)
        }
        runtime = Runtime(from_environment({**environment, "CHAT_DATABASE_URL": f"sqlite:///{path}"}))
        runtime.prepare()
        opened.append(runtime)
        return runtime

    yield runtime_of
    for runtime in opened:
        differences = runtime.database.read(lambda db: list(verify.differences(db)))
        runtime.close()
        assert differences == []


def priced(receipt: dict[str, Any]) -> tuple[int, list[tuple[int, int, int]], int]:
    """From the design and not from the code: (active seconds, each begun increment, the total).

    The first second after the free ones begins an increment, and so does the first one after each. It costs
    the rate of the interval in which that second is complete. An increment is (seconds, rate, agent's id).
    """
    increments, active_ms, begins = [], 0, receipt["free_seconds"] + 1
    terms = receipt["session"]["increments"]
    for interval in receipt["intervals"]:
        if interval["is_billed"]:
            earlier_seconds = active_ms // 1000
            active_ms += interval["milliseconds"]
            for second in range(earlier_seconds + 1, active_ms // 1000 + 1):
                if second == begins:
                    seconds = terms["next_seconds" if increments else "first_seconds"]
                    increments.append((seconds, interval["rate_per_minute"], interval["agent"]["id"]))
                    begins += seconds
    exact = Fraction(sum(seconds * rate for seconds, rate, _ in increments), 60)
    total = max(floor(exact + Fraction(1, 2)), terms["minimum_charge"]) if exact else 0
    return active_ms // 1000, increments, total


def agrees(story: Story) -> dict[str, Any]:
    """The receipt of the story's session, once it is found to agree with itself."""
    receipt = story.receipt()
    session, intervals = receipt["session"], receipt["intervals"]
    seconds, increments, total = priced(receipt)
    billed = sum(length for length, *_ in increments)
    assert (session["duration_seconds"], session["billed_seconds"]) == (seconds, billed)
    charged = [charge for charge in receipt["charges"] for _ in range(charge["count"])]
    assert [(each["seconds"], each["rate_per_minute"], each["agent"]["id"]) for each in charged] == increments
    assert receipt["total_cost"] == session["total_cost"] == total
    assert sum(charge["amount"] for charge in receipt["charges"]) == total
    assert all(interval["milliseconds"] >= 0 for interval in intervals)
    assert all(before["ended_at"] == after["started_at"] for before, after in pairwise(intervals))
    assert session["spending_limit"] is None or receipt["total_cost"] <= session["spending_limit"]
    assert story.balance() >= 0
    if receipt["is_final"] and story.runtime.settings.prepaid:
        assert -sum(entry["amount"] for entry in receipt["ledger"]) == total
    return receipt


def audit(story: Story) -> None:
    """Of every session: the receipt agrees, and a second end changes nothing."""
    for story.id, story.client in story.asked.items():  # noqa: B020
        receipt = agrees(story)
        if receipt["is_final"]:
            story.later(100)
            story.end()
            assert lasting(agrees(story)) == lasting(receipt)


def lasting(receipt: dict[str, Any]) -> dict[str, Any]:
    """Without what is as it is now: the time, and who is there."""
    session = {**receipt["session"], "client": None, "agent": None}
    return {**receipt, "server_time": None, "session": session}


@pytest.mark.parametrize("is_swept", [True, False], ids=["swept", "unswept"])
@pytest.mark.parametrize("name", CASES_BY_NAME)
def test_a_session_costs_what_the_rules_say(name, is_swept, runtime_of):
    seconds, minutes, units, cents, reasons, script = CASES_BY_NAME[name]
    steps = [step.strip() for step in script.split(";")]
    settings = [step for step in steps if "=" in step]
    story = Told(runtime_of(*settings), is_swept)
    try:
        story.play(steps[len(settings) :])
        story.sweep()
        session = story.receipt()["session"]
        assert (session["duration_seconds"], session["billed_minutes"]) == (int(seconds), int(minutes))
        assert session["total_cost"] == int(units + cents)
        intervals = [each for each in story.receipt()["intervals"] if each["milliseconds"]]
        assert reasons is None or reasons == " ".join(each["reason"] for each in intervals)
        audit(story)
    finally:
        story.close()


def test_the_minimum_charge_is_of_the_first_agent_who_costs_anything(runtime_of):
    story = Told(runtime_of("minimum_charge=500"))
    try:
        story.play(["0 talk zoe", "61 transfer anna", "61 answer yes", "61 say agent", "130 end"])
        charges = story.receipt()["charges"]
        told = [(each["count"], each["agent"]["name"], int(each["amount"])) for each in charges]
        assert told == [(2, "zoe", 0), (1, "anna", 250), (0, "anna", 250)]
    finally:
        story.close()


def test_the_table_was_read():
    assert len(CASES_BY_NAME) == CASES.count(" = ") >= 65
