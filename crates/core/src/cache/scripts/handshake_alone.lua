-- A handshake alone. Reply: ok.

return {ok}
