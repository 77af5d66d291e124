-- How often a workspace has changed. ARGV 4 workspace. Reply: ok, the counter of its generations, which every write
-- raises that changes anything.

generation_of(ARGV[4], 'a')
return {ok, redis.call('HGET', workspace_key(ARGV[4]), 'g')}
