-- Adds to the shared counters. ARGV 4, 5, 6 …: name, amount, name, amount … Reply: ok.

for i = 4, #ARGV, 2 do
  redis.call('HINCRBY', prefix .. 'counters', ARGV[i], ARGV[i + 1])
end
return {ok}
